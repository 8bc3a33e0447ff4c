<?php
/**
 * Express: address and delivery are chosen in the app.
 *
 * @package kasse
 */

use Automattic\WooCommerce\StoreApi\Exceptions\RouteException;
use Automattic\WooCommerce\StoreApi\Schemas\V1\CartSchema;

defined( 'ABSPATH' ) || exit;

/**
 * Makes an order of the cart, and writes into it later what the customer chose in the app.
 */
final class Kasse_Express {

	/** The event of kasse that was written into the order. */
	const EVENT = '_kasse_event';

	/**
	 * Where the shopper goes, for the cart that is answered.
	 *
	 * @var string
	 */
	private static $redirect = '';

	/**
	 * Adds express to the Store API: `POST cart/extensions`, and `extensions.kasse` in the cart.
	 */
	public static function register() {
		add_action(
			'woocommerce_blocks_loaded',
			static function () {
				woocommerce_store_api_register_update_callback(
					array(
						'namespace' => 'kasse',
						'callback'  => array( __CLASS__, 'start' ),
					)
				);
				woocommerce_store_api_register_endpoint_data(
					array(
						'endpoint'        => CartSchema::IDENTIFIER,
						'namespace'       => 'kasse',
						'data_callback'   => static function () {
							return array( 'redirect' => self::$redirect );
						},
						'schema_callback' => static function () {
							return array(
								'redirect' => array(
									'description' => 'Where the shopper pays, after express was started.',
									'type'        => 'string',
									'readonly'    => true,
								),
							);
						},
						'schema_type'     => ARRAY_A,
					)
				);
			}
		);
	}

	/**
	 * The express button was pressed.
	 *
	 * @param array $data What the storefront sent.
	 * @throws RouteException With a sentence for the shopper.
	 */
	public static function start( $data ) {
		if ( ! is_array( $data ) || empty( $data['express'] ) ) {
			return;
		}
		$begun = self::begin();
		if ( is_wp_error( $begun ) ) {
			throw new RouteException( 'kasse_express', esc_html( Kasse_Order::plain( $begun->get_error_message() ) ), 400 );
		}
		self::$redirect = $begun;
	}

	/**
	 * Makes an order of the shopper's cart, and begins its payment. The same cart is the same order.
	 *
	 * @return string|WP_Error Where the shopper pays; or a sentence for the shopper.
	 */
	private static function begin() {
		$cart    = WC()->cart;
		$offered = WC()->payment_gateways()->get_available_payment_gateways();
		if ( ! isset( $offered[ Kasse_Order::GATEWAY ] ) ) {
			return new WP_Error( 'kasse_express', __( 'Express is not offered at the moment.', 'kasse' ) );
		}
		if ( $cart->is_empty() ) {
			return new WP_Error( 'kasse_express', __( 'There is nothing in the cart.', 'kasse' ) );
		}
		if ( ! $cart->needs_shipping() ) {
			return new WP_Error( 'kasse_express', __( 'Nothing of this needs to be delivered. Go to the checkout instead.', 'kasse' ) );
		}
		wc_clear_notices();
		do_action( 'woocommerce_check_cart_items' );
		$errors = wc_get_notices( 'error' );
		wc_clear_notices();
		if ( $errors ) {
			return new WP_Error( 'kasse_express', $errors[0]['notice'] );
		}
		$cart->calculate_totals();
		// It keeps the stock for the shopper, too. To ask for that twice within a second fails.
		$made = WC()->checkout()->create_order( array( 'payment_method' => Kasse_Order::GATEWAY ) );
		if ( is_wp_error( $made ) ) {
			return $made;
		}
		$order = wc_get_order( $made );
		WC()->session->set( 'order_awaiting_payment', $order->get_id() );
		// The delivery is chosen in the app.
		$order->remove_order_items( 'shipping' );
		$order->update_taxes();
		$order->calculate_totals( false );
		$answer = Kasse_Order::begin( $order, true );
		return $answer['done'] ? $answer['redirect'] : new WP_Error( 'kasse_express', Kasse_Gateway::sentence( $answer ) );
	}

	/**
	 * Writes customer, address and delivery; and the order's total is what was paid. The same event
	 * again changes nothing.
	 *
	 * @param array $express What kasse sends: see `Kasse_Routes`.
	 * @return array|WP_Error What is answered.
	 */
	public static function write( array $express ) {
		$order = wc_get_order( $express['order'] );
		if ( ! $order instanceof WC_Order ) {
			return self::not_taken( 'There is no such order.' );
		}
		$open = $order->has_status( Kasse_Order::UNPAID );
		$same = $express['reference'] === $order->get_transaction_id();
		if ( $express['event'] === $order->get_meta( self::EVENT ) || ( $same && ! $open && ! $order->has_status( 'trash' ) ) ) {
			return self::total( $order );
		}
		if ( ! $open ) {
			return self::not_taken( 'The order is ' . $order->get_status() . ' already.' );
		}
		foreach ( Kasse_Order::sold_out( $order ) as $missing ) {
			return self::not_taken( "\"$missing\" was sold out meanwhile." );
		}
		self::write_address( $order, $express['customer'], $express['address'] );
		$order->remove_order_items( 'shipping' );
		self::remove_difference( $order );
		if ( $express['delivery'] ) {
			self::write_delivery( $order, $express['delivery'], $express['address'] );
		}
		// WooCommerce looks at its tax rates again: the address is known now.
		$order->calculate_totals( true );
		self::write_difference( $order, $express['amount'] );
		$order->update_meta_data( self::EVENT, $express['event'] );
		$order->save();
		return self::total( $order );
	}

	/**
	 * Who, and where to.
	 *
	 * @param WC_Order $order    The order.
	 * @param array    $customer `first_name`, `last_name`, `email`, `phone`.
	 * @param array    $address  `line1`, `line2`, `city`, `post_code`, `country`.
	 */
	private static function write_address( WC_Order $order, array $customer, array $address ) {
		$both = array(
			'first_name' => $customer['first_name'],
			'last_name'  => $customer['last_name'],
			'phone'      => $customer['phone'],
			'company'    => '',
			'address_1'  => $address['line1'],
			'address_2'  => $address['line2'],
			'city'       => $address['city'],
			'state'      => '',
			'postcode'   => $address['post_code'],
			'country'    => $address['country'],
		);
		foreach ( $both as $name => $value ) {
			$order->{"set_billing_$name"}( $value );
			$order->{"set_shipping_$name"}( $value );
		}
		if ( is_email( $customer['email'] ) ) {
			$order->set_billing_email( $customer['email'] );
		}
	}

	/**
	 * The delivery, with WooCommerce's own tax. One that is no longer offered was promised all the
	 * same.
	 *
	 * @param WC_Order $order    The order.
	 * @param array    $delivery `id`, `title`, `price`.
	 * @param array    $address  Where to.
	 */
	private static function write_delivery( WC_Order $order, array $delivery, array $address ) {
		foreach ( Kasse_Deliveries::offered( $order, $address ) as $offered ) {
			if ( $offered['id'] === $delivery['id'] && $offered['price'] === $delivery['price'] ) {
				foreach ( $offered['rates'] as $rate ) {
					$item = new WC_Order_Item_Shipping();
					$item->set_shipping_rate( $rate );
					$order->add_item( $item );
				}
				return;
			}
		}
		$taxes                     = WC_Tax::calc_inclusive_tax( (float) $delivery['price'], WC_Tax::get_shipping_tax_rates( null, WC()->customer ) );
		list( $method, $instance ) = explode( ':', $delivery['id'] . ':', 3 );
		$item                      = new WC_Order_Item_Shipping();
		$item->set_method_title( $delivery['title'] );
		$item->set_method_id( $method );
		$item->set_instance_id( $instance );
		$item->set_total( (float) $delivery['price'] - array_sum( $taxes ) );
		$item->set_taxes( array( 'total' => $taxes ) );
		$order->add_item( $item );
	}

	/**
	 * The price in the app stands. What the order's total is apart from it is a fee.
	 *
	 * @param WC_Order $order  The order.
	 * @param string   $amount What was paid.
	 */
	private static function write_difference( WC_Order $order, string $amount ) {
		$difference = round( (float) $amount - (float) $order->get_total(), 2 );
		if ( 0.0 === $difference ) {
			return;
		}
		$fee = new WC_Order_Item_Fee();
		$fee->set_name( 'kasse-difference' );
		$fee->set_tax_status( 'none' );
		$fee->set_amount( (string) $difference );
		$fee->set_total( (string) $difference );
		$order->add_item( $fee );
		$order->calculate_totals( false );
	}

	/**
	 * An earlier attempt may have left one.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function remove_difference( WC_Order $order ) {
		foreach ( $order->get_fees() as $fee ) {
			if ( 'kasse-difference' === $fee->get_name() ) {
				$order->remove_item( $fee->get_id() );
			}
		}
	}

	/**
	 * What stands in the order now.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function total( WC_Order $order ): array {
		return array( 'total' => Kasse_Order::amount( $order->get_total() ) );
	}

	/**
	 * The order will never take this payment: kasse lets the money go.
	 *
	 * @param string $why For the log, in English as all of it.
	 */
	private static function not_taken( string $why ): WP_Error {
		return new WP_Error( 'kasse_not_taken', $why, array( 'status' => 409 ) );
	}
}

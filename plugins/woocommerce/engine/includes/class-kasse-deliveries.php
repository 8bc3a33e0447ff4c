<?php
/**
 * WooCommerce's own deliveries, for an order and an address.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * Asks WooCommerce what it delivers an order for. The order is put into a cart that belongs to
 * nobody: nothing is written, and no shopper's session is touched.
 */
final class Kasse_Deliveries {

	/** As many are offered. The cheapest come first. */
	const MOST = 10;
	/** The longest id that kasse takes. */
	const LONGEST = 80;

	/**
	 * What is offered, the cheapest first. Each has an `id`, a `title`, a `price` and its `tax` in
	 * decimals, and `rates`: one of WooCommerce's rates for each package.
	 *
	 * @param WC_Order $order   The order.
	 * @param array    $address `line1`, `line2`, `city`, `post_code`, `country`.
	 */
	public static function offered( WC_Order $order, array $address ): array {
		$packages = self::packages( $order, $address );
		$choices  = $packages ? array( array() ) : array();
		foreach ( $packages as $place => $package ) {
			$longer = array();
			foreach ( $choices as $choice ) {
				foreach ( $package['rates'] as $rate ) {
					$longer[] = $choice + array( $place => $rate );
				}
			}
			// What is dear now is not cheap with one more package: the rest need not be looked at.
			usort(
				$longer,
				static function ( $one, $other ) {
					return self::price( $one ) <=> self::price( $other );
				}
			);
			$choices = array_slice( $longer, 0, self::MOST );
		}
		return array_map( array( __CLASS__, 'delivery' ), $choices );
	}

	/**
	 * One delivery on the wire.
	 *
	 * @param array $delivery One of `offered`.
	 */
	public static function described( array $delivery ): array {
		$packages = array();
		foreach ( $delivery['rates'] as $place => $rate ) {
			$packages[] = array(
				'package'   => $place,
				'rate'      => $rate->get_id(),
				'method_id' => $rate->get_method_id(),
				'title'     => Kasse_Order::plain( $rate->get_label() ),
				'cost'      => Kasse_Order::amount( $rate->get_cost() ),
			);
		}
		unset( $delivery['rates'] );
		return $delivery + array( 'packages' => $packages );
	}

	/**
	 * Several packages are one delivery to the customer.
	 *
	 * @param WC_Shipping_Rate[] $rates One for each package.
	 */
	private static function delivery( array $rates ): array {
		$ids    = array();
		$titles = array();
		$tax    = 0;
		foreach ( $rates as $rate ) {
			$ids[]    = $rate->get_id();
			$titles[] = Kasse_Order::plain( $rate->get_label() );
			$tax     += array_sum( $rate->get_taxes() );
		}
		$id = implode( '+', $ids );
		return array(
			'id'    => strlen( $id ) > self::LONGEST ? 'packages:' . sha1( $id ) : $id,
			'title' => implode( ' + ', array_unique( $titles ) ),
			'price' => Kasse_Order::amount( self::price( $rates ) ),
			'tax'   => Kasse_Order::amount( $tax ),
			'rates' => $rates,
		);
	}

	/**
	 * What they cost together, VAT included.
	 *
	 * @param WC_Shipping_Rate[] $rates One for each package.
	 */
	private static function price( array $rates ): float {
		$price = 0.0;
		foreach ( $rates as $rate ) {
			$price += (float) $rate->get_cost() + array_sum( $rate->get_taxes() );
		}
		return $price;
	}

	/**
	 * The packages that WooCommerce makes of the order, each with its rates for the address.
	 *
	 * @param WC_Order $order   The order.
	 * @param array    $address Where to.
	 */
	private static function packages( WC_Order $order, array $address ): array {
		wc_load_cart();
		$customer = WC()->customer;
		foreach ( array( 'billing', 'shipping' ) as $kind ) {
			$customer->{"set_{$kind}_location"}( $address['country'], '', $address['post_code'], $address['city'] );
			$customer->{"set_{$kind}_address_1"}( $address['line1'] );
			$customer->{"set_{$kind}_address_2"}( $address['line2'] );
		}
		$customer->set_calculated_shipping( true );
		self::fill( WC()->cart, $order );
		$packages = array();
		foreach ( WC()->shipping()->calculate_shipping( WC()->cart->get_shipping_packages() ) as $place => $package ) {
			if ( empty( $package['rates'] ) ) {
				// What cannot be delivered whole is not delivered.
				return array();
			}
			$packages[ $place ] = $package;
		}
		return $packages;
	}

	/**
	 * Puts an order into a cart, with the prices and coupons that it was placed with.
	 *
	 * @param WC_Cart  $cart  A cart that belongs to nobody.
	 * @param WC_Order $order The order.
	 */
	private static function fill( WC_Cart $cart, WC_Order $order ) {
		$contents     = array();
		$subtotal     = 0.0;
		$subtotal_tax = 0.0;
		foreach ( $order->get_items() as $item ) {
			$product = $item->get_product();
			if ( ! $product ) {
				continue;
			}
			$taxes            = $item->get_taxes();
			$key              = 'item' . $item->get_id();
			$contents[ $key ] = array(
				'key'               => $key,
				'product_id'        => $item->get_product_id(),
				'variation_id'      => $item->get_variation_id(),
				'variation'         => $product->is_type( 'variation' ) ? $product->get_variation_attributes() : array(),
				'quantity'          => $item->get_quantity(),
				'data'              => $product,
				'data_hash'         => wc_get_cart_item_data_hash( $product ),
				'line_subtotal'     => (float) $item->get_subtotal(),
				'line_subtotal_tax' => (float) $item->get_subtotal_tax(),
				'line_total'        => (float) $item->get_total(),
				'line_tax'          => (float) $item->get_total_tax(),
				'line_tax_data'     => array(
					'subtotal' => $taxes['subtotal'],
					'total'    => $taxes['total'],
				),
			);
			$subtotal        += (float) $item->get_subtotal();
			$subtotal_tax    += (float) $item->get_subtotal_tax();
		}
		$cart->set_cart_contents( $contents );
		$cart->set_applied_coupons( $order->get_coupon_codes() );
		$cart->set_subtotal( $subtotal );
		$cart->set_subtotal_tax( $subtotal_tax );
		$cart->set_discount_total( $order->get_discount_total() );
		$cart->set_discount_tax( $order->get_discount_tax() );
		$cart->set_cart_contents_total( $subtotal - (float) $order->get_discount_total() );
		$cart->set_cart_contents_tax( $subtotal_tax - (float) $order->get_discount_tax() );
	}
}

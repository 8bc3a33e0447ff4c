<?php
/**
 * What kasse asks the shop.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * The signed routes below `kasse/v1`.
 */
final class Kasse_Routes {

	const CUSTOMER = array( 'first_name', 'last_name', 'email', 'phone' );
	const ADDRESS  = array( 'line1', 'line2', 'city', 'post_code', 'country' );
	const DELIVERY = array( 'id', 'title', 'price' );

	/**
	 * Adds them.
	 */
	public static function register() {
		add_action(
			'rest_api_init',
			static function () {
				self::route( 'GET', 'about' );
				self::route( 'POST', 'deliveries' );
				self::route( 'POST', 'express' );
				self::route( 'POST', 'forget' );
			}
		);
	}

	/**
	 * Who is here?
	 */
	public static function about(): array {
		return Kasse_Order::versions() + array(
			'currency' => get_woocommerce_currency(),
			'gateway'  => 'yes' === Kasse_Client::setting( 'enabled' ),
		);
	}

	/**
	 * What is this order delivered for, to there?
	 *
	 * @param WP_REST_Request $request `order`, `address`.
	 * @return array|WP_Error
	 */
	public static function deliveries( WP_REST_Request $request ) {
		$order   = wc_get_order( self::id( $request['order'] ) );
		$address = self::texts( $request['address'], self::ADDRESS );
		if ( ! $address ) {
			return self::unreadable( 'address' );
		}
		if ( ! $order instanceof WC_Order || $order->has_status( 'trash' ) ) {
			return new WP_Error( 'kasse_no_order', 'There is no such order.', array( 'status' => 404 ) );
		}
		return array(
			'currency'   => $order->get_currency(),
			'deliveries' => array_map( array( 'Kasse_Deliveries', 'described' ), Kasse_Deliveries::offered( $order, $address ) ),
		);
	}

	/**
	 * The customer paid, and chose: who, where to, and which delivery.
	 *
	 * @param WP_REST_Request $request `order`, `reference`, `event`, `amount`, `customer`, `address`, `delivery`.
	 * @return array|WP_Error
	 */
	public static function express( WP_REST_Request $request ) {
		$express = self::texts( $request->get_json_params(), array( 'reference', 'event', 'amount' ) );
		if ( ! $express || '' === $express['reference'] || '' === $express['event'] || ! preg_match( '/^[0-9]{1,9}\.[0-9]{2}$/D', $express['amount'] ) ) {
			return self::unreadable( 'reference, event or amount' );
		}
		$express['order']    = self::id( $request['order'] );
		$express['customer'] = self::texts( $request['customer'], self::CUSTOMER );
		$express['address']  = self::texts( $request['address'], self::ADDRESS );
		$express['delivery'] = null === $request['delivery'] ? null : self::texts( $request['delivery'], self::DELIVERY );
		if ( ! $express['customer'] || ! $express['address'] || array() === $express['delivery'] ) {
			return self::unreadable( 'customer, address or delivery' );
		}
		return Kasse_Express::write( $express );
	}

	/**
	 * The customer took the consent back: WooCommerce's own eraser, for each order.
	 *
	 * @param WP_REST_Request $request `orders`.
	 * @return array|WP_Error
	 */
	public static function forget( WP_REST_Request $request ) {
		if ( ! is_array( $request['orders'] ) ) {
			return self::unreadable( 'orders' );
		}
		// The payment's name is not the person's, and needed for refunds.
		$keep = static function ( $props ) {
			unset( $props['transaction_id'] );
			return $props;
		};
		add_filter( 'woocommerce_privacy_remove_order_personal_data_props', $keep );
		$kept = array();
		foreach ( $request['orders'] as $id ) {
			$order = wc_get_order( self::id( $id ) );
			if ( ! $order instanceof WC_Order ) {
				continue;
			}
			$kept[] = 'goods, amounts and dates of order ' . $order->get_order_number() . ', for the accounts';
			if ( $order->get_customer_id() ) {
				$kept[] = 'the account of order ' . $order->get_order_number() . '\'s customer in the shop, which is theirs to close';
			}
			WC_Privacy_Erasers::remove_order_personal_data( $order );
		}
		remove_filter( 'woocommerce_privacy_remove_order_personal_data_props', $keep );
		return array( 'kept' => $kept );
	}

	/**
	 * May it be called? The path is taken as it came: it is what was signed.
	 *
	 * @param WP_REST_Request $request The call.
	 * @return true|WP_Error
	 */
	public static function permitted( WP_REST_Request $request ) {
		// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- It goes into a hash alone.
		$path = isset( $_SERVER['REQUEST_URI'] ) ? (string) wp_unslash( $_SERVER['REQUEST_URI'] ) : '';
		return Kasse_Signature::check( $request, $path, Kasse_Client::setting( 'secret' ) );
	}

	/**
	 * One route, answered by the method of its name.
	 *
	 * @param string $method HTTP's.
	 * @param string $name   The route's.
	 */
	private static function route( string $method, string $name ) {
		register_rest_route(
			'kasse/v1',
			'/' . $name,
			array(
				'methods'             => $method,
				'callback'            => array( __CLASS__, $name ),
				'permission_callback' => array( __CLASS__, 'permitted' ),
				'show_in_index'       => false,
			)
		);
	}

	/**
	 * An order's id. 0 is none.
	 *
	 * @param mixed $id What was sent.
	 */
	private static function id( $id ): int {
		return is_string( $id ) && preg_match( '/^[0-9]{1,18}$/D', $id ) ? (int) $id : 0;
	}

	/**
	 * The texts of an object, cleaned, or nothing where one is missing or no text.
	 *
	 * @param mixed    $from  What was sent.
	 * @param string[] $names Which.
	 */
	private static function texts( $from, array $names ): array {
		$texts = array();
		foreach ( $names as $name ) {
			if ( ! is_array( $from ) || ! isset( $from[ $name ] ) || ! is_string( $from[ $name ] ) ) {
				return array();
			}
			$texts[ $name ] = sanitize_text_field( $from[ $name ] );
		}
		return $texts;
	}

	/**
	 * The call cannot be read.
	 *
	 * @param string $what Which part of it.
	 */
	private static function unreadable( string $what ): WP_Error {
		return new WP_Error( 'kasse_unreadable', "The call has no usable $what. Are plugin and kasse of the same version?", array( 'status' => 400 ) );
	}
}

<?php
/**
 * What kasse has to know of an order.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * An order, as kasse is told of it.
 */
final class Kasse_Order {

	const GATEWAY   = 'kasse_vipps';
	const REFERENCE = '_kasse_reference';
	const EXPRESS   = '_kasse_express';
	const LANGUAGE  = '_kasse_language';

	/**
	 * Adds to the REST API what WooCommerce does not say of an order.
	 */
	public static function register() {
		add_filter( 'woocommerce_rest_prepare_shop_order_object', array( __CLASS__, 'add_field' ), 10, 2 );
	}

	/**
	 * Is it paid with this plugin?
	 *
	 * @param mixed $order What may be an order.
	 */
	public static function is_ours( $order ): bool {
		return $order instanceof WC_Order && self::GATEWAY === $order->get_payment_method();
	}

	/**
	 * The payment's name at Vipps: of the money that is there, else of the newest attempt.
	 *
	 * @param WC_Order $order The order.
	 */
	public static function reference( WC_Order $order ): string {
		$reference = (string) $order->get_transaction_id();
		return '' !== $reference ? $reference : (string) $order->get_meta( self::REFERENCE );
	}

	/**
	 * An amount on the wire: two decimals.
	 *
	 * @param mixed $amount What WooCommerce has: a number, or one in a string.
	 */
	public static function amount( $amount ): string {
		return number_format( (float) $amount, 2, '.', '' );
	}

	/**
	 * Begins a payment, and keeps its name.
	 *
	 * @param WC_Order $order   The order.
	 * @param bool     $express Does the customer choose address and delivery in the app?
	 * @return array What kasse answered.
	 */
	public static function begin( WC_Order $order, bool $express ): array {
		$order->update_meta_data( self::LANGUAGE, self::language() );
		$order->update_meta_data( self::EXPRESS, $express ? 'yes' : 'no' );
		$order->save();
		$answer = Kasse_Client::ask(
			'initiate',
			array(
				'order'      => self::described( $order ),
				'return_url' => self::return_url( $order ),
				'express'    => $express,
				'language'   => self::language(),
				'versions'   => self::versions(),
			)
		);
		$answer['done'] = $answer['done'] && '' !== $answer['reference'] && '' !== $answer['redirect'];
		if ( $answer['done'] ) {
			$order->update_meta_data( self::REFERENCE, $answer['reference'] );
			$order->save();
		}
		return $answer;
	}

	/**
	 * What runs here.
	 */
	public static function versions(): array {
		return array(
			'woocommerce' => WC_VERSION,
			'wordpress'   => get_bloginfo( 'version' ),
			'php'         => PHP_VERSION,
			'plugin'      => KASSE_VERSION,
		);
	}

	/**
	 * Adds `kasse` to an order of the REST API.
	 *
	 * @param WP_REST_Response $response What is answered.
	 * @param mixed            $order    The order.
	 */
	public static function add_field( $response, $order ) {
		$data          = $response->get_data();
		$data['kasse'] = null;
		if ( self::is_ours( $order ) ) {
			$reference     = (string) $order->get_meta( self::REFERENCE );
			$data['kasse'] = array(
				'return_url' => self::return_url( $order ),
				'express'    => 'yes' === $order->get_meta( self::EXPRESS ),
				'language'   => (string) $order->get_meta( self::LANGUAGE ),
				'reference'  => '' === $reference ? null : $reference,
			);
		}
		$response->set_data( $data );
		return $response;
	}

	/**
	 * The order as the REST API gives it, so that kasse reads both alike.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function described( WC_Order $order ): array {
		$controller = new WC_REST_Orders_Controller();
		return $controller->prepare_object_for_response( $order, new WP_REST_Request( 'GET' ) )->get_data();
	}

	/**
	 * The shop's own page of thanks.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function return_url( WC_Order $order ): string {
		return apply_filters( 'woocommerce_get_return_url', $order->get_checkout_order_received_url(), $order );
	}

	/**
	 * The customer's language, as far as Vipps knows it.
	 */
	private static function language(): string {
		$language = substr( determine_locale(), 0, 2 );
		if ( 'nn' === $language ) {
			return 'nb';
		}
		return in_array( $language, array( 'nb', 'da', 'fi', 'sv' ), true ) ? $language : 'en';
	}
}

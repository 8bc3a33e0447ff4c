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
	/** Where a payment may still come. */
	const UNPAID = array( 'pending', 'failed', 'cancelled', 'checkout-draft' );

	/**
	 * Adds what WooCommerce does not say of an order: to the REST API, and to the order's page.
	 */
	public static function register() {
		add_filter( 'woocommerce_rest_prepare_shop_order_object', array( __CLASS__, 'add_field' ), 10, 2 );
		add_action( 'woocommerce_admin_order_totals_after_total', array( __CLASS__, 'show_sums' ) );
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
	 * A text as people read it.
	 *
	 * @param mixed $html It may have been written for a page.
	 */
	public static function plain( $html ): string {
		return trim( html_entity_decode( wp_strip_all_tags( (string) $html ), ENT_QUOTES, 'UTF-8' ) );
	}

	/**
	 * Begins a payment, and keeps its name.
	 *
	 * @param WC_Order $order   The order.
	 * @param bool     $express Where the customer chooses address and delivery in the app.
	 * @return array What kasse answered.
	 */
	public static function begin( WC_Order $order, bool $express ): array {
		$order->update_meta_data( self::LANGUAGE, self::language() );
		$order->update_meta_data( self::EXPRESS, $express ? 'yes' : 'no' );
		$order->save();
		$answer         = Kasse_Client::ask(
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
			$sold_out      = $order->has_status( self::UNPAID ) ? self::sold_out( $order ) : array();
			if ( $sold_out ) {
				$data['kasse']['sold_out'] = $sold_out;
			}
		}
		$response->set_data( $data );
		return $response;
	}

	/**
	 * The names of what too few are left of, for this order.
	 *
	 * @param WC_Order $order An order that is not paid.
	 * @return string[]
	 */
	public static function sold_out( WC_Order $order ): array {
		if ( $order->get_data_store()->get_stock_reduced( $order->get_id() ) ) {
			// Its goods are put aside already.
			return array();
		}
		$wanted   = array();
		$sold_out = array();
		foreach ( $order->get_items() as $item ) {
			$product = $item->get_product();
			if ( ! $product ) {
				$sold_out[] = $item->get_name();
				continue;
			}
			if ( ! $product->managing_stock() || $product->backorders_allowed() ) {
				continue;
			}
			$shelf            = $product->get_stock_managed_by_id();
			$wanted[ $shelf ] = ( $wanted[ $shelf ] ?? 0 ) + $item->get_quantity();
			$free             = $product->get_stock_quantity() - wc_get_held_stock_quantity( $product, $order->get_id() );
			if ( $free < $wanted[ $shelf ] ) {
				$sold_out[] = $item->get_name();
			}
		}
		return $sold_out;
	}

	/**
	 * What stands at Vipps, below the order's total.
	 *
	 * @param int $id The order's.
	 */
	public static function show_sums( $id ) {
		$order = wc_get_order( $id );
		if ( ! self::is_ours( $order ) ) {
			return;
		}
		$sums = array(
			'_kasse_authorised' => __( 'Reserved at Vipps', 'kasse' ),
			'_kasse_captured'   => __( 'Captured at Vipps', 'kasse' ),
			'_kasse_released'   => __( 'Released at Vipps', 'kasse' ),
			'_kasse_refunded'   => __( 'Refunded at Vipps', 'kasse' ),
		);
		foreach ( $sums as $key => $label ) {
			$sum = (string) $order->get_meta( $key );
			if ( (float) $sum > 0 ) {
				$price = wc_price( $sum, array( 'currency' => $order->get_currency() ) );
				echo '<tr><td class="label">' . esc_html( $label ) . ':</td><td width="1%"></td><td class="total">' . wp_kses_post( $price ) . '</td></tr>';
			}
		}
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

<?php
/**
 * The payment method.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * Vipps as a payment method of WooCommerce. It asks kasse, and believes nothing else.
 */
final class Kasse_Gateway extends WC_Payment_Gateway {

	/** The currencies of the countries where Vipps MobilePay takes payments. */
	const CURRENCIES = array( 'NOK', 'DKK', 'EUR' );
	/** The shortest secret. `openssl rand -hex 32` gives twice as much. */
	const SECRET = 32;

	/**
	 * Makes it, with the settings that were saved.
	 */
	public function __construct() {
		$this->id                 = Kasse_Order::GATEWAY;
		$this->method_title       = __( 'Vipps MobilePay, by kasse', 'kasse' );
		$this->method_description = __( 'Customers pay in the app. The money is reserved; it is captured when you complete the order, and released when you cancel it.', 'kasse' );
		$this->has_fields         = false;
		$this->supports           = array( 'products', 'refunds' );
		$this->init_form_fields();
		$this->init_settings();
		$this->title       = $this->get_option( 'title' );
		$this->description = $this->get_option( 'description' );
		add_action( 'woocommerce_update_options_payment_gateways_' . $this->id, array( $this, 'process_admin_options' ) );
	}

	/**
	 * The settings. No key of Vipps is among them.
	 */
	public function init_form_fields() {
		$brand             = 'NOK' === get_woocommerce_currency() ? 'Vipps' : 'MobilePay';
		$this->form_fields = array(
			'enabled'     => array(
				'title'   => __( 'Offered', 'kasse' ),
				'type'    => 'checkbox',
				'label'   => __( 'Offer this payment method', 'kasse' ),
				'default' => 'no',
			),
			'title'       => array(
				'title'       => __( 'Title', 'kasse' ),
				'type'        => 'text',
				'description' => __( 'What customers read at the checkout.', 'kasse' ),
				'default'     => $brand,
				'desc_tip'    => true,
			),
			'description' => array(
				'title'       => __( 'Description', 'kasse' ),
				'type'        => 'textarea',
				'description' => __( 'What customers read below the title.', 'kasse' ),
				/* translators: %s: Vipps or MobilePay */
				'default'     => sprintf( __( 'Pay with %s in the app.', 'kasse' ), $brand ),
				'desc_tip'    => true,
			),
			'url'         => array(
				'title'       => __( 'kasse’s address', 'kasse' ),
				'type'        => 'text',
				'description' => __( 'Where this shop reaches kasse: https://kasse.your-shop.example', 'kasse' ),
				'default'     => '',
			),
			'shop'        => array(
				'title'       => __( 'The shop’s name', 'kasse' ),
				'type'        => 'text',
				'description' => __( 'What this shop is called in kasse’s configuration.', 'kasse' ),
				'default'     => '',
			),
			'secret'      => array(
				'title'       => __( 'Secret', 'kasse' ),
				'type'        => 'password',
				/* translators: %d: how many characters */
				'description' => sprintf( __( 'What signs the calls between this shop and kasse: at least %d characters, and the same in kasse’s configuration.', 'kasse' ), self::SECRET ),
				'default'     => '',
			),
			'cart'        => array(
				'title'   => __( 'Express', 'kasse' ),
				'type'    => 'checkbox',
				'label'   => __( 'Show the express button in the cart', 'kasse' ),
				'default' => 'yes',
			),
			'product'     => array(
				'type'    => 'checkbox',
				'label'   => __( 'Show the express button on the product’s page', 'kasse' ),
				'default' => 'no',
			),
		);
	}

	/**
	 * Keeps what was entered, and says what was not taken: WooCommerce shows that of no gateway.
	 */
	public function process_admin_options() {
		$kept = parent::process_admin_options();
		foreach ( $this->get_errors() as $error ) {
			WC_Admin_Settings::add_error( $error );
		}
		return $kept;
	}

	/**
	 * The address, without a slash at its end.
	 *
	 * @param string $key   `url`.
	 * @param string $value What was entered.
	 * @throws Exception Where it is no address.
	 */
	public function validate_url_field( $key, $value ) {
		$value = untrailingslashit( trim( (string) $value ) );
		$parts = wp_parse_url( $value );
		if ( '' !== $value && ( empty( $parts['host'] ) || ! in_array( $parts['scheme'] ?? '', array( 'https', 'http' ), true ) || ! empty( $parts['path'] ) ) ) {
			throw new Exception( esc_html__( 'kasse’s address must be like https://kasse.your-shop.example, with nothing behind it.', 'kasse' ) );
		}
		return $value;
	}

	/**
	 * The shop's name at kasse.
	 *
	 * @param string $key   `shop`.
	 * @param string $value What was entered.
	 * @throws Exception Where it is none.
	 */
	public function validate_shop_field( $key, $value ) {
		$value = trim( (string) $value );
		if ( ! preg_match( '/^[a-z0-9-]*$/D', $value ) ) {
			throw new Exception( esc_html__( 'The shop’s name has small letters, digits and hyphens alone.', 'kasse' ) );
		}
		return $value;
	}

	/**
	 * The secret.
	 *
	 * @param string $key   `secret`.
	 * @param string $value What was entered.
	 * @throws Exception Where it is too short.
	 */
	public function validate_secret_field( $key, $value ) {
		$value = trim( wp_unslash( (string) $value ) );
		if ( '' !== $value && strlen( $value ) < self::SECRET ) {
			/* translators: %d: how many characters */
			throw new Exception( esc_html( sprintf( __( 'The secret has fewer than %d characters.', 'kasse' ), self::SECRET ) ) );
		}
		return $value;
	}

	/**
	 * Can it be offered?
	 */
	public function is_available() {
		return parent::is_available() && Kasse_Client::is_set_up() && in_array( get_woocommerce_currency(), self::CURRENCIES, true );
	}

	/**
	 * Is something still to be entered before it can be offered?
	 */
	public function needs_setup() {
		return ! Kasse_Client::is_set_up();
	}

	/**
	 * Sends the customer to Vipps.
	 *
	 * @param int $order_id The order's id.
	 */
	public function process_payment( $order_id ) {
		$answer = Kasse_Order::begin( wc_get_order( $order_id ), false );
		if ( ! $answer['done'] ) {
			wc_add_notice( self::sentence( $answer ), 'error' );
			return array( 'result' => 'failure' );
		}
		return array(
			'result'   => 'success',
			'redirect' => $answer['redirect'],
		);
	}

	/**
	 * Gives money back.
	 *
	 * @param int        $order_id The order's id.
	 * @param float|null $amount   How much.
	 * @param string     $reason   For the shop's own books.
	 */
	public function process_refund( $order_id, $amount = null, $reason = '' ) {
		return Kasse_Acts::refund( wc_get_order( $order_id ), $amount );
	}

	/**
	 * Is there money to give back?
	 *
	 * @param WC_Order $order The order.
	 */
	public function can_refund_order( $order ) {
		return $order && '' !== (string) $order->get_transaction_id() && $this->supports( 'refunds' );
	}

	/**
	 * What the customer reads where a payment could not begin.
	 *
	 * @param array $answer What kasse answered.
	 */
	public static function sentence( array $answer ): string {
		if ( $answer['refused'] && '' !== $answer['message'] ) {
			return $answer['message'];
		}
		return __( 'The payment could not be started. Try again in a moment, or pay in another way.', 'kasse' );
	}
}

<?php
/**
 * The payment method at the block checkout.
 *
 * @package kasse
 */

use Automattic\WooCommerce\Blocks\Payments\Integrations\AbstractPaymentMethodType;

defined( 'ABSPATH' ) || exit;

/**
 * Tells the cart block and the checkout block of the payment method.
 */
final class Kasse_Blocks extends AbstractPaymentMethodType {

	/**
	 * Its name.
	 *
	 * @var string
	 */
	protected $name = Kasse_Order::GATEWAY;

	/**
	 * Reads the settings.
	 */
	public function initialize() {
		$this->settings = get_option( 'woocommerce_kasse_vipps_settings', array() );
	}

	/**
	 * Is it offered?
	 */
	public function is_active() {
		$gateway = WC()->payment_gateways()->payment_gateways()[ $this->name ] ?? null;
		return $gateway && $gateway->is_available();
	}

	/**
	 * Which script registers it.
	 */
	public function get_payment_method_script_handles() {
		Kasse_Buttons::scripts();
		return array( 'kasse-blocks' );
	}

	/**
	 * What the script has to know.
	 */
	public function get_payment_method_data() {
		return array(
			'title'       => $this->get_setting( 'title' ),
			'description' => $this->get_setting( 'description' ),
			'express'     => 'yes' === $this->get_setting( 'cart' ),
			'button'      => Kasse_Buttons::label(),
			'supports'    => array( 'products' ),
		);
	}
}

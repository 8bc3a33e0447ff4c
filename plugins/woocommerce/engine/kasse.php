<?php
/**
 * Plugin Name:          kasse for WooCommerce
 * Description:          Vipps and MobilePay in your shop, by kasse. The keys of Vipps MobilePay stay with kasse.
 * Version:              0.1.0
 * Requires at least:    6.4
 * Requires PHP:         7.4
 * Requires Plugins:     woocommerce
 * WC requires at least: 9.0
 * License:              MIT OR Apache-2.0
 * Text Domain:          kasse
 * Domain Path:          /languages
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

define( 'KASSE_VERSION', '0.1.0' );
define( 'KASSE_FILE', __FILE__ );
// The oldest WooCommerce that this is tried on.
define( 'KASSE_OLDEST_WOOCOMMERCE', '9.0' );

add_action(
	'before_woocommerce_init',
	static function () {
		foreach ( array( 'custom_order_tables', 'cart_checkout_blocks' ) as $feature ) {
			\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( $feature, KASSE_FILE, true );
		}
	}
);

add_action(
	'plugins_loaded',
	static function () {
		if ( ! defined( 'WC_VERSION' ) || version_compare( WC_VERSION, KASSE_OLDEST_WOOCOMMERCE, '<' ) ) {
			add_action( 'admin_notices', 'kasse_says_too_old' );
			return;
		}
		$folder = __DIR__ . '/includes/';
		require_once $folder . 'class-kasse-signature.php';
		require_once $folder . 'class-kasse-client.php';
		require_once $folder . 'class-kasse-order.php';
		require_once $folder . 'class-kasse-echo.php';
		require_once $folder . 'class-kasse-acts.php';
		require_once $folder . 'class-kasse-deliveries.php';
		require_once $folder . 'class-kasse-express.php';
		require_once $folder . 'class-kasse-routes.php';
		require_once $folder . 'class-kasse-buttons.php';
		require_once $folder . 'class-kasse-gateway.php';
		Kasse_Echo::register();
		Kasse_Order::register();
		Kasse_Acts::register();
		Kasse_Express::register();
		Kasse_Routes::register();
		Kasse_Buttons::register();
		add_filter(
			'woocommerce_payment_gateways',
			static function ( $gateways ) {
				$gateways[] = Kasse_Gateway::class;
				return $gateways;
			}
		);
	}
);

add_action(
	'init',
	static function () {
		load_plugin_textdomain( 'kasse', false, dirname( plugin_basename( KASSE_FILE ) ) . '/languages' );
	}
);

add_filter(
	'plugin_action_links_' . plugin_basename( __FILE__ ),
	static function ( $links ) {
		$url = admin_url( 'admin.php?page=wc-settings&tab=checkout&section=kasse_vipps' );
		array_unshift( $links, '<a href="' . esc_url( $url ) . '">' . esc_html__( 'Settings', 'kasse' ) . '</a>' );
		return $links;
	}
);

/**
 * Tells the administrator why nothing is offered.
 */
function kasse_says_too_old() {
	/* translators: %s: a version of WooCommerce */
	$text = sprintf( __( 'kasse needs WooCommerce %s or later. It offers nothing until then.', 'kasse' ), KASSE_OLDEST_WOOCOMMERCE );
	echo '<div class="notice notice-error"><p>' . esc_html( $text ) . '</p></div>';
}

<?php
/**
 * What the shopper sees: at the block checkout, and the express buttons.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * The two scripts, and the buttons of classic pages.
 */
final class Kasse_Buttons {

	/**
	 * Adds them.
	 */
	public static function register() {
		add_action( 'wp_enqueue_scripts', array( __CLASS__, 'scripts' ) );
		add_action( 'woocommerce_proceed_to_checkout', array( __CLASS__, 'in_cart' ), 30 );
		add_action( 'woocommerce_after_add_to_cart_button', array( __CLASS__, 'at_product' ) );
		add_action(
			'woocommerce_blocks_payment_method_type_registration',
			static function ( $registry ) {
				require_once __DIR__ . '/class-kasse-blocks.php';
				$registry->register( new Kasse_Blocks() );
			}
		);
	}

	/**
	 * Tells WordPress of the scripts. They are sent where they are needed.
	 */
	public static function scripts() {
		wp_register_script( 'kasse-express', plugins_url( 'assets/express.js', KASSE_FILE ), array(), KASSE_VERSION, true );
		wp_localize_script(
			'kasse-express',
			'kasseSettings',
			array(
				'root'  => rest_url( 'wc/store/v1/' ),
				'wrong' => __( 'The payment could not be started. Try again in a moment, or pay in another way.', 'kasse' ),
			)
		);
		$needs = array( 'kasse-express', 'wc-blocks-registry', 'wc-settings', 'wp-element', 'wp-html-entities' );
		wp_register_script( 'kasse-blocks', plugins_url( 'assets/blocks.js', KASSE_FILE ), $needs, KASSE_VERSION, true );
	}

	/**
	 * The button below the classic cart.
	 */
	public static function in_cart() {
		if ( self::is_offered( 'cart' ) && WC()->cart->needs_shipping() ) {
			self::button( 0 );
		}
	}

	/**
	 * The button on a product's page.
	 */
	public static function at_product() {
		global $product;
		if ( $product instanceof WC_Product && $product->needs_shipping() && $product->is_type( array( 'simple', 'variable' ) ) && self::is_offered( 'product' ) ) {
			self::button( $product->get_id() );
		}
	}

	/**
	 * Is express offered there?
	 *
	 * @param string $where `cart` or `product`.
	 */
	public static function is_offered( string $where ): bool {
		return 'yes' === Kasse_Client::setting( $where )
			&& isset( WC()->payment_gateways()->get_available_payment_gateways()[ Kasse_Order::GATEWAY ] );
	}

	/**
	 * What stands on the button.
	 */
	public static function label(): string {
		/* translators: %s: Vipps or MobilePay */
		return sprintf( __( 'Buy now with %s', 'kasse' ), 'NOK' === get_woocommerce_currency() ? 'Vipps' : 'MobilePay' );
	}

	/**
	 * One button.
	 *
	 * @param int $product What is put into the cart first; 0 for nothing.
	 */
	private static function button( int $product ) {
		wp_enqueue_script( 'kasse-express' );
		printf(
			'<button type="button" class="button alt wp-element-button kasse-express" data-product="%d">%s</button><p class="kasse-express-message" role="alert"></p>',
			(int) $product,
			esc_html( self::label() )
		);
	}
}

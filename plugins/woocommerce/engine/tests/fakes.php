<?php
/**
 * What the plugin calls of WordPress and WooCommerce, as small as the tests allow.
 *
 * @package kasse
 */

define( 'ABSPATH', __DIR__ . '/' );
define( 'WC_VERSION', '11.0.1' );
define( 'ARRAY_A', 'ARRAY_A' );

/** The state of it all. */
final class Fake {
	/** What the next call of HTTP answers: the decoded body, a WP_Error, or a text. */
	public static $answer;
	public static $status;
	/** The calls that were made: url and arguments. */
	public static $calls;
	public static $scheduled;
	public static $orders;
	public static $options;
	public static $rates;
	public static $tax;
	public static $held;
	public static $erased;
	public static $notices;
	public static $woocommerce;
	public static $filters = array();
	/** What happens before kasse's answer comes. */
	public static $meanwhile;

	public static function reset() {
		self::$answer    = array(
			'done'    => true,
			'refused' => false,
		);
		self::$status    = 200;
		self::$calls     = array();
		self::$scheduled = array();
		self::$orders    = array();
		self::$rates     = array();
		self::$tax       = array();
		self::$held      = 0;
		self::$erased    = array();
		self::$notices   = array();
		self::$meanwhile = null;
		self::$options   = array(
			'woocommerce_kasse_vipps_settings' => array(
				'enabled' => 'yes',
				'title'   => 'Vipps',
				'url'     => 'https://kasse.example/',
				'shop'    => 'fjell',
				'secret'  => 'change-me-change-me-change-me-too',
				'cart'    => 'yes',
				'product' => 'no',
			),
		);
		self::$woocommerce = new Fake_WooCommerce();
		$GLOBALS['wpdb']   = new Fake_Database();
		unset( $_SERVER['REQUEST_URI'] );
	}

	public static function refuses( string $message ) {
		self::$answer = array(
			'done'    => false,
			'refused' => true,
			'message' => $message,
		);
	}

	/** The body of the last call. */
	public static function asked(): array {
		return json_decode( end( self::$calls )['args']['body'], true );
	}

	/** Does what was hooked. */
	public static function happens( string $hook, ...$args ) {
		foreach ( self::$filters[ $hook ] ?? array() as $callback ) {
			$callback( ...$args );
		}
	}
}

class Fake_Database {
	public $options = 'wp_options';
	public $rows    = array();
	public function esc_like( $text ) {
		return $text;
	}
	public function prepare( $query, ...$args ) {
		return array( $query, $args );
	}
	public function query( $prepared ) {
		list( $query, $args ) = $prepared;
		if ( 0 === strpos( $query, 'DELETE' ) ) {
			$this->rows = array_filter(
				$this->rows,
				static function ( $value ) use ( $args ) {
					return (int) $value >= $args[1];
				}
			);
			return 0;
		}
		if ( isset( $this->rows[ $args[0] ] ) ) {
			return 0;
		}
		$this->rows[ $args[0] ] = $args[1];
		return 1;
	}
}

class WP_Error {
	private $code;
	private $message;
	private $data;
	public function __construct( $code = '', $message = '', $data = null ) {
		$this->code    = $code;
		$this->message = $message;
		$this->data    = $data;
	}
	public function get_error_code() {
		return $this->code;
	}
	public function get_error_message() {
		return $this->message;
	}
	public function get_error_data() {
		return $this->data;
	}
}

class WP_REST_Request implements ArrayAccess {
	private $method;
	private $route;
	public $headers = array();
	public $body    = '';
	public function __construct( $method = 'GET', $route = '' ) {
		$this->method = $method;
		$this->route  = $route;
	}
	public function get_method() {
		return $this->method;
	}
	public function get_route() {
		return $this->route;
	}
	public function get_header( $name ) {
		return $this->headers[ $name ] ?? null;
	}
	public function get_body() {
		return $this->body;
	}
	public function get_json_params() {
		return json_decode( $this->body, true );
	}
	#[\ReturnTypeWillChange]
	public function offsetGet( $name ) {
		return $this->get_json_params()[ $name ] ?? null;
	}
	public function offsetExists( $name ): bool {
		return null !== $this[ $name ];
	}
	public function offsetSet( $name, $value ): void {}
	public function offsetUnset( $name ): void {}
}

class WP_REST_Response {
	private $data;
	public function __construct( $data ) {
		$this->data = $data;
	}
	public function get_data() {
		return $this->data;
	}
	public function set_data( $data ) {
		$this->data = $data;
	}
}

/** The REST API's own view of an order: what the test gave it, and what is hooked to it. */
class WC_REST_Orders_Controller {
	public function prepare_object_for_response( $order, $request ) {
		return Kasse_Order::add_field( new WP_REST_Response( $order->described ), $order );
	}
}

class Fake_Product {
	public $stock     = null;
	public $backorder = false;
	public function managing_stock() {
		return null !== $this->stock;
	}
	public function backorders_allowed() {
		return $this->backorder;
	}
	public function get_stock_managed_by_id() {
		return 10;
	}
	public function get_stock_quantity() {
		return $this->stock;
	}
	public function is_type( $type ) {
		return in_array( 'simple', (array) $type, true );
	}
}

class Fake_Item {
	public $props = array();
	public function __construct( array $props = array() ) {
		$this->props = $props;
	}
	public function __call( $name, $args ) {
		list( $verb, $prop ) = explode( '_', $name, 2 );
		if ( 'set' === $verb ) {
			$this->props[ $prop ] = $args[0];
			return null;
		}
		return $this->props[ $prop ] ?? ( 'taxes' === $prop ? array(
			'subtotal' => array(),
			'total'    => array(),
		) : '' );
	}
	/** With tax. */
	public function gross(): float {
		return (float) $this->get_total() + (float) $this->get_total_tax() + array_sum( $this->get_taxes()['total'] );
	}
}

class WC_Order_Item_Fee extends Fake_Item {}

class WC_Order_Item_Shipping extends Fake_Item {
	public function set_shipping_rate( $rate ) {
		$this->set_method_title( $rate->get_label() );
		$this->set_method_id( $rate->get_method_id() );
		$this->set_total( $rate->get_cost() );
		$this->set_taxes( array( 'total' => $rate->get_taxes() ) );
	}
}

class Fake_Rate {
	private $id;
	private $cost;
	private $tax;
	private $label;
	public function __construct( $id, $label, $cost, $tax ) {
		$this->id    = $id;
		$this->label = $label;
		$this->cost  = $cost;
		$this->tax   = $tax;
	}
	public function get_id() {
		return $this->id;
	}
	public function get_method_id() {
		return explode( ':', $this->id )[0];
	}
	public function get_label() {
		return $this->label;
	}
	public function get_cost() {
		return $this->cost;
	}
	public function get_taxes() {
		return $this->tax ? array( 1 => $this->tax ) : array();
	}
}

class WC_Order {
	public $id;
	public $status    = 'pending';
	public $total     = '1397.02';
	public $refunds   = array();
	public $meta      = array();
	public $notes     = array();
	public $items     = array();
	public $props     = array(
		'payment_method' => 'kasse_vipps',
		'currency'       => 'NOK',
	);
	public $described = array();
	public $saved     = 0;
	public $stock_reduced = false;

	public function __construct( int $id = 50 ) {
		$this->id            = $id;
		Fake::$orders[ $id ] = $this;
	}
	public function __call( $name, $args ) {
		list( $verb, $prop ) = explode( '_', $name, 2 );
		if ( 'set' === $verb ) {
			$this->props[ $prop ] = $args[0];
			return null;
		}
		if ( 'get' === $verb ) {
			return $this->props[ $prop ] ?? '';
		}
		throw new BadMethodCallException( $name );
	}
	public function get_data_store() {
		return new class( $this ) {
			private $order;
			public function __construct( $order ) {
				$this->order = $order;
			}
			public function get_stock_reduced( $id ) {
				return $this->order->stock_reduced;
			}
		};
	}
	public function get_id() {
		return $this->id;
	}
	public function get_order_number() {
		return (string) $this->id;
	}
	public function get_status() {
		return $this->status;
	}
	public function has_status( $status ) {
		return in_array( $this->status, (array) $status, true );
	}
	public function get_total() {
		return $this->total;
	}
	public function get_remaining_refund_amount() {
		$left = (float) $this->total;
		foreach ( $this->refunds as $refund ) {
			$left -= (float) $refund->get_amount();
		}
		return (string) $left;
	}
	public function get_meta( $key ) {
		return $this->meta[ $key ] ?? '';
	}
	public function update_meta_data( $key, $value ) {
		$this->meta[ $key ] = $value;
	}
	public function delete_meta_data( $key ) {
		unset( $this->meta[ $key ] );
	}
	public function save_meta_data() {
		++$this->saved;
	}
	public function save() {
		++$this->saved;
		return $this->id;
	}
	public function add_order_note( $note ) {
		$this->notes[] = $note;
	}
	public function get_checkout_order_received_url() {
		return "https://shop.example/checkout/order-received/{$this->id}/?key=wc_order_abc";
	}
	public function get_items() {
		return array_filter(
			$this->items,
			static function ( $item ) {
				return get_class( $item ) === Fake_Item::class;
			}
		);
	}
	public function get_fees() {
		return array_filter(
			$this->items,
			static function ( $item ) {
				return $item instanceof WC_Order_Item_Fee;
			}
		);
	}
	public function get_shipping() {
		return array_values(
			array_filter(
				$this->items,
				static function ( $item ) {
					return $item instanceof WC_Order_Item_Shipping;
				}
			)
		);
	}
	public function get_coupon_codes() {
		return array();
	}
	public function add_item( $item ) {
		$item->props['id'] = count( $this->items ) + 100;
		$this->items[]     = $item;
	}
	public function remove_item( $id ) {
		$this->items = array_filter(
			$this->items,
			static function ( $item ) use ( $id ) {
				return $item->get_id() !== $id;
			}
		);
	}
	public function remove_order_items( $type ) {
		$this->items = array_filter(
			$this->items,
			static function ( $item ) {
				return ! $item instanceof WC_Order_Item_Shipping;
			}
		);
	}
	public function update_taxes() {}
	public function calculate_totals( $taxes ) {
		$this->total = number_format(
			array_sum(
				array_map(
					static function ( $item ) {
						return $item->gross();
					},
					$this->items
				)
			),
			2,
			'.',
			''
		);
	}
}

class WC_Order_Refund {
	private $id;
	private $order;
	private $amount;
	public $reason;
	public function __construct( $id, $order, $amount, $reason = '' ) {
		$this->id     = $id;
		$this->order  = $order;
		$this->amount = $amount;
		$this->reason = $reason;
	}
	public function get_id() {
		return $this->id;
	}
	public function get_parent_id() {
		return $this->order;
	}
	public function get_amount() {
		return $this->amount;
	}
}

class WC_Payment_Gateway {
	public $id;
	public $title;
	public $description;
	public $method_title;
	public $method_description;
	public $has_fields;
	public $supports = array();
	public $form_fields;
	public $errors = array();
	public function init_settings() {}
	public function get_errors() {
		return $this->errors;
	}
	public function process_admin_options() {
		return true;
	}
	public function get_option( $key ) {
		return Fake::$options['woocommerce_kasse_vipps_settings'][ $key ] ?? '';
	}
	public function is_available() {
		return 'yes' === $this->get_option( 'enabled' );
	}
	public function supports( $feature ) {
		return in_array( $feature, $this->supports, true );
	}
}

class WC_Admin_Settings {
	public static function add_error( $text ) {
		Fake::$notices[] = array( 'notice' => $text );
	}
}

/** Somebody's cart, or nobody's. */
class WC_Cart {
	public $set   = array();
	public $empty = false;
	public $ships = true;
	public function __call( $name, $args ) {
		if ( 0 === strpos( $name, 'set_' ) ) {
			$this->set[ substr( $name, 4 ) ] = $args[0];
		}
		return null;
	}
	public function is_empty() {
		return $this->empty;
	}
	public function needs_shipping() {
		return $this->ships;
	}
	public function get_shipping_packages() {
		return array( $this->set['cart_contents'] );
	}
}

class Fake_Customer {
	public $set = array();
	public function __call( $name, $args ) {
		$this->set[ $name ] = $args;
	}
}

class Fake_Session {
	public $kept = array();
	public function set( $key, $value ) {
		$this->kept[ $key ] = $value;
	}
}

class Fake_WooCommerce {
	public $cart;
	public $customer;
	public $session;
	public $offered = true;
	/** The order that the checkout makes, or why it does not. */
	public $made;
	public function __construct() {
		$this->cart     = new WC_Cart();
		$this->customer = new Fake_Customer();
		$this->session  = new Fake_Session();
	}
	public function shipping() {
		return new class() {
			public function calculate_shipping( $packages ) {
				return Fake::$rates;
			}
		};
	}
	public function payment_gateways() {
		return new class() {
			public function get_available_payment_gateways() {
				return WC()->offered ? array( 'kasse_vipps' => new Kasse_Gateway() ) : array();
			}
		};
	}
	public function checkout() {
		return new class() {
			public function create_order( $data ) {
				return WC()->made;
			}
		};
	}
}

class WC_Tax {
	public static function get_shipping_tax_rates( $tax_class = null, $customer = null ) {
		return Fake::$tax;
	}
	public static function calc_inclusive_tax( $price, $rates ) {
		return $rates ? array( 1 => round( $price - $price / ( 1 + $rates[1] / 100 ), 2 ) ) : array();
	}
}

class WC_Privacy_Erasers {
	public static function remove_order_personal_data( $order ) {
		$props = apply_filters( 'woocommerce_privacy_remove_order_personal_data_props', array( 'billing_email' => 'email', 'transaction_id' => 'numeric_id' ), $order );
		Fake::$erased[ $order->get_id() ] = array_keys( $props );
	}
}

function WC() {
	return Fake::$woocommerce;
}
function __( $text, $domain = '' ) {
	return $text;
}
function esc_html__( $text, $domain = '' ) {
	return $text;
}
function esc_html( $text ) {
	return htmlspecialchars( $text, ENT_QUOTES );
}
function add_action( $hook, $callback, $priority = 10, $args = 1 ) {
	Fake::$filters[ $hook ][] = $callback;
}
function add_filter( $hook, $callback, $priority = 10, $args = 1 ) {
	Fake::$filters[ $hook ][] = $callback;
}
function remove_filter( $hook, $callback ) {
	Fake::$filters[ $hook ] = array_filter(
		Fake::$filters[ $hook ],
		static function ( $other ) use ( $callback ) {
			return $other !== $callback;
		}
	);
}
function apply_filters( $hook, $value, ...$args ) {
	foreach ( Fake::$filters[ $hook ] ?? array() as $callback ) {
		$value = $callback( $value, ...$args );
	}
	return $value;
}
function do_action( $hook, ...$args ) {
	Fake::happens( $hook, ...$args );
}
function get_option( $name, $else = false ) {
	return Fake::$options[ $name ] ?? $else;
}
function untrailingslashit( $text ) {
	return rtrim( $text, '/' );
}
function wp_unslash( $text ) {
	return $text;
}
function wp_parse_url( $url ) {
	return parse_url( $url );
}
function wp_strip_all_tags( $text ) {
	return trim( strip_tags( $text ) );
}
function sanitize_text_field( $text ) {
	return trim( preg_replace( '/[\r\n\t ]+/', ' ', strip_tags( $text ) ) );
}
function wc_price( $amount, $args ) {
	return $args['currency'] . ' ' . $amount;
}
function wp_kses_post( $text ) {
	return $text;
}
function is_email( $text ) {
	return false !== strpos( $text, '@' );
}
function is_wp_error( $what ) {
	return $what instanceof WP_Error;
}
function wp_json_encode( $what ) {
	return json_encode( $what );
}
function wp_remote_post( $url, $args ) {
	Fake::$calls[] = array(
		'url'  => $url,
		'args' => $args,
	);
	if ( Fake::$meanwhile ) {
		( Fake::$meanwhile )();
	}
	return Fake::$answer;
}
function wp_remote_retrieve_body( $got ) {
	return is_string( $got ) ? $got : json_encode( $got );
}
function wp_remote_retrieve_response_code( $got ) {
	return Fake::$status;
}
function wc_get_logger() {
	return new class() {
		public function warning( $text, $context ) {}
	};
}
function wc_get_order( $id ) {
	return Fake::$orders[ $id ] ?? false;
}
function wc_create_refund( $args ) {
	$order            = Fake::$orders[ $args['order_id'] ];
	$refund           = new WC_Order_Refund( 900, $order->get_id(), $args['amount'], $args['reason'] );
	$order->refunds[] = $refund;
	return $refund;
}
function wc_add_notice( $text, $kind ) {
	Fake::$notices[] = array( 'notice' => $text );
}
function wc_get_notices( $kind ) {
	return Fake::$notices;
}
function wc_clear_notices() {
	Fake::$notices = array();
}
function wc_load_cart() {}
function wc_get_cart_item_data_hash( $product ) {
	return 'hash';
}
function wc_get_held_stock_quantity( $product, $order_id ) {
	return Fake::$held;
}
function as_schedule_single_action( $time, $hook, $args, $group ) {
	Fake::$scheduled[] = array( $time - time(), $hook, $args, $group );
}
function determine_locale() {
	return Fake::$options['locale'] ?? 'nb_NO';
}
function get_bloginfo( $what ) {
	return '7.0.4';
}
function get_woocommerce_currency() {
	return Fake::$options['woocommerce_currency'] ?? 'NOK';
}

require __DIR__ . '/fake-exceptions.php';

define( 'KASSE_VERSION', '0.1.0' );
define( 'KASSE_FILE', dirname( __DIR__ ) . '/kasse.php' );
Fake::reset();
foreach ( array( 'signature', 'client', 'order', 'echo', 'acts', 'deliveries', 'express', 'routes', 'gateway' ) as $name ) {
	require dirname( __DIR__ ) . "/includes/class-kasse-$name.php";
}
Kasse_Echo::register();
Kasse_Acts::register();

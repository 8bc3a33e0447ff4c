<?php
/**
 * Express: deliveries, and what is written when the customer has paid; and the other routes.
 *
 * @package kasse
 */

use Automattic\WooCommerce\StoreApi\Exceptions\RouteException;

/** An order of express: goods for 1348.02, VAT in it. */
function express_order( int $id = 51 ): WC_Order {
	$order          = new WC_Order( $id );
	$order->items[] = new Fake_Item(
		array(
			'id'           => 1,
			'name'         => 'Kaffekopp',
			'quantity'     => 2,
			'product'      => new Fake_Product(),
			'product_id'   => 10,
			'subtotal'     => '1204.43',
			'subtotal_tax' => '293.37',
			'total'        => '1083.99',
			'total_tax'    => '264.03',
		)
	);
	$order->total   = '1348.02';
	return $order;
}

/** The rates of one package, as WooCommerce computed them. */
function rates( array ...$rates ): array {
	$package = array( 'rates' => array() );
	foreach ( $rates as list( $id, $label, $cost, $tax ) ) {
		$package['rates'][ $id ] = new Fake_Rate( $id, $label, $cost, $tax );
	}
	return $package;
}

const HERE    = array( 'flat_rate:1', 'Hentested', '39.20', 9.8 );
const EVENING = array( 'flat_rate:2', 'Ekspress hjem i kveld', '79.20', 19.8 );
const PICKUP  = array( 'local_pickup:3', 'Hent i butikk', '0', 0 );

/** Asks a route as the contract does. */
function ask( string $exchange ) {
	$request       = contract( $exchange )['request'];
	$call          = new WP_REST_Request( $request['method'], $request['path'] );
	$call->body    = $request['raw_body'] ?? '';
	$route         = basename( $request['path'] );
	return Kasse_Routes::$route( $call );
}

/** What a route answers, and how: as the contract has it. */
function answers( string $exchange ) {
	$answer   = ask( $exchange );
	$response = contract( $exchange )['response'];
	if ( is_wp_error( $answer ) ) {
		same( $response['status'], $answer->get_error_data()['status'] );
		$answer = array(
			'code'    => $answer->get_error_code(),
			'message' => $answer->get_error_message(),
			'data'    => $answer->get_error_data(),
		);
	}
	same( $response['body'], $answer, $exchange );
}

test(
	'deliveries are WooCommerce\'s own, for this order and address, the cheapest first',
	static function () {
		express_order();
		Fake::$rates = array( rates( EVENING, HERE, PICKUP ) );
		answers( 'deliveries' );
		same( array( 'NO', '', '0190', 'Oslo' ), WC()->customer->set['set_shipping_location'] );
		same( array( 'Grønlandsleiret 15B' ), WC()->customer->set['set_shipping_address_1'] );
	}
);

test(
	'the order is put into nobody\'s cart, at the prices it was placed with',
	static function () {
		express_order();
		Fake::$rates = array( rates( HERE ) );
		ask( 'deliveries' );
		$set  = WC()->cart->set;
		$line = $set['cart_contents']['item1'];
		same( array( 2, 1204.43, 1083.99, 264.03 ), array( $line['quantity'], $line['line_subtotal'], $line['line_total'], $line['line_tax'] ) );
		same( array( 1204.43, 293.37 ), array( $set['subtotal'], $set['subtotal_tax'] ) );
	}
);

test(
	'two packages are one delivery to the customer',
	static function () {
		express_order();
		Fake::$rates = array( rates( HERE ), rates( HERE, EVENING ) );
		answers( 'deliveries-two-packages' );
	}
);

test(
	'of many packages the ten cheapest deliveries are offered, each with an id that kasse takes',
	static function () {
		$order = express_order();
		$many  = array();
		for ( $n = 1; $n <= 12; $n++ ) {
			$many[] = array( "a_long_name_of_a_method:$n", "D$n", (string) $n, 0 );
		}
		Fake::$rates = array_fill( 0, 5, rates( ...$many ) );
		$offered     = Kasse_Deliveries::offered( $order, array_fill_keys( Kasse_Routes::ADDRESS, '' ) );
		same( 10, count( $offered ) );
		same( '5.00', $offered[0]['price'] );
		same( '7.00', $offered[9]['price'] );
		$ids = array_column( $offered, 'id' );
		same( 10, count( array_unique( $ids ) ) );
		holds( max( array_map( 'strlen', $ids ) ) <= 80, 'none is too long' );
	}
);

test(
	'an order of which one package cannot be delivered is not delivered',
	static function () {
		express_order();
		Fake::$rates = array( rates( HERE ), rates() );
		answers( 'deliveries-country' );
		Fake::$rates = array();
		answers( 'deliveries-country' );
	}
);

test(
	'there are no deliveries for an order that is not there, or in the bin',
	static function () {
		answers( 'deliveries-no-order' );
		express_order()->status = 'trash';
		same( 404, ask( 'deliveries' )->get_error_data()['status'] );
	}
);

test(
	'who paid by express, where to and how stands in the order, with a total that is what was paid',
	static function () {
		$order       = express_order();
		Fake::$rates = array( rates( HERE, EVENING ) );
		answers( 'express' );
		same( 'Ødegård Æsøy', $order->props['shipping_last_name'] );
		same( 'Grønlandsleiret 15B', $order->props['billing_address_1'] );
		same( '0190', $order->props['shipping_postcode'] );
		same( 'kare.odegard@example.com', $order->props['billing_email'] );
		same( '+4790012345', $order->props['billing_phone'] );
		same( array( 'Hentested', '39.20', array( 1 => 9.8 ) ), array( $order->get_shipping()[0]->get_method_title(), $order->get_shipping()[0]->get_total(), $order->get_shipping()[0]->get_taxes()['total'] ) );
		same( array(), $order->get_fees() );
		same( 'pending', $order->status );
	}
);

test(
	'the same event again writes nothing, another one writes anew and adds nothing twice',
	static function () {
		$order       = express_order();
		Fake::$rates = array( rates( HERE ) );
		ask( 'express' );
		$items = $order->items;
		ask( 'express' );
		same( $items, $order->items );
		$order->meta['_kasse_event'] = 'main/another/1';
		answers( 'express' );
		same( 1, count( $order->get_shipping() ) );
	}
);

test(
	'where WooCommerce comes to another total, a fee makes it what was paid',
	static function () {
		$order = express_order();
		foreach ( array( array( HERE[0], HERE[1], '35.20', 8.8 ), array( HERE[0], HERE[1], '43.20', 10.8 ) ) as $dearer ) {
			Fake::$rates                 = array( rates( $dearer ) );
			$order->meta['_kasse_event'] = '';
			answers( 'express' );
		}
		// A delivery that costs another price now is written as it was promised; the goods may differ too.
		$order->items[0]->props['total'] = '1000.00';
		$order->meta['_kasse_event']     = '';
		answers( 'express' );
		$fees = array_values( $order->get_fees() );
		same( array( 1, 'kasse-difference', '83.99', 'none' ), array( count( $fees ), $fees[0]->get_name(), $fees[0]->get_total(), $fees[0]->get_tax_status() ) );
	}
);

test(
	'a delivery that is no longer offered was promised all the same',
	static function () {
		$order       = express_order();
		Fake::$rates = array( rates( EVENING ) );
		Fake::$tax   = array( 1 => 25 );
		answers( 'express' );
		$line = $order->get_shipping()[0];
		same( array( 'flat_rate', '1', 'Hentested' ), array( $line->get_method_id(), $line->get_instance_id(), $line->get_method_title() ) );
		same( array( 39.2, array( 1 => 9.8 ) ), array( $line->get_total(), $line->get_taxes()['total'] ) );
	}
);

test(
	'express is not taken by an order that is gone, in the bin, or paid in another way',
	static function () {
		$order         = express_order( 53 );
		$order->status = 'processing';
		answers( 'express-not-taken' );
		$order->status                  = 'trash';
		$order->props['transaction_id'] = 'fjell-53-000000';
		same( 409, ask( 'express-not-taken' )->get_error_data()['status'] );
		unset( Fake::$orders[53] );
		same( 409, ask( 'express-not-taken' )->get_error_data()['status'] );
	}
);

test(
	'an order that has this very payment is left as it is',
	static function () {
		$order                          = express_order();
		$order->status                  = 'on-hold';
		$order->total                   = '1397.02';
		$order->props['transaction_id'] = 'fjell-51-d4e5f6';
		answers( 'express' );
		same( array(), $order->get_shipping() );
	}
);

test(
	'express is not taken where the goods were sold meanwhile, be it in two lines',
	static function () {
		$order           = express_order();
		Fake::$rates     = array( rates( HERE ) );
		$product         = $order->items[0]->get_product();
		$product->stock  = 4;
		Fake::$held      = 3;
		same( '"Kaffekopp" was sold out meanwhile.', ask( 'express' )->get_error_message() );
		Fake::$held     = 1;
		$order->items[] = $order->items[0];
		same( 409, ask( 'express' )->get_error_data()['status'] );
		array_pop( $order->items );
		answers( 'express' );
	}
);

test(
	'an order says what of it was sold out, as long as it waits to be paid and has put nothing aside',
	static function () {
		$order                               = express_order();
		$order->items[0]->get_product()->stock = 1;
		$says                                = static function () use ( $order ) {
			return Kasse_Order::add_field( new WP_REST_Response( array() ), $order )->get_data()['kasse']['sold_out'] ?? array();
		};
		same( array( 'Kaffekopp' ), $says() );
		$order->stock_reduced = true;
		same( array(), $says() );
		$order->stock_reduced = false;
		$order->status        = 'on-hold';
		same( array(), $says() );
		$order->status                                   = 'failed';
		$order->items[0]->get_product()->stock           = 2;
		same( array(), $says() );
		$order->items[0]->get_product()->stock     = 0;
		$order->items[0]->get_product()->backorder = true;
		same( array(), $says() );
		$order->items[0]->props['product'] = false;
		same( array( 'Kaffekopp' ), $says(), 'an article that was deleted' );
	}
);

test(
	'a call that has not all it needs is refused, and nothing is written',
	static function () {
		$order  = express_order();
		$whole  = contract( 'express' )['request']['body'];
		$broken = array( 'amount' => '12', 'event' => '', 'reference' => null, 'customer' => array(), 'address' => 'Oslo', 'delivery' => array( 'id' => 1 ) );
		foreach ( $broken as $name => $value ) {
			$call       = new WP_REST_Request( 'POST', '/kasse/v1/express' );
			$call->body = json_encode( array( $name => $value ) + $whole );
			same( 'kasse_unreadable', Kasse_Routes::express( $call )->get_error_code(), $name );
		}
		$call       = new WP_REST_Request( 'POST', '/kasse/v1/deliveries' );
		$call->body = 'no JSON';
		same( 'kasse_unreadable', Kasse_Routes::deliveries( $call )->get_error_code() );
		same( 'kasse_unreadable', Kasse_Routes::forget( $call )->get_error_code() );
		same( 0, $order->saved );
	}
);

test(
	'the shop says who is here',
	static function () {
		same( array( 'php' => PHP_VERSION ) + contract( 'about' )['response']['body'], array( 'php' => PHP_VERSION ) + ask( 'about' ) );
	}
);

test(
	'WooCommerce\'s own eraser forgets, but for the payment\'s name',
	static function () {
		new WC_Order( 50 );
		answers( 'forget' );
		same( array( 50 => array( 'billing_email' ) ), Fake::$erased );
	}
);

test(
	'who has an account is told of it',
	static function () {
		$order                       = new WC_Order( 50 );
		$order->props['customer_id'] = 7;
		same( 2, count( ask( 'forget' )['kept'] ) );
	}
);

/** Presses the express button. */
function press() {
	try {
		Kasse_Express::start( contract( 'storefront-express' )['request']['body']['data'] );
		return 'started';
	} catch ( RouteException $why ) {
		return array(
			'code'    => $why->error,
			'message' => $why->getMessage(),
			'data'    => array( 'status' => $why->getCode() ),
		);
	}
}

test(
	'the express button makes an order of the cart, without a delivery, and keeps the goods',
	static function () {
		$order = express_order();
		$order->add_item( new WC_Order_Item_Shipping( array( 'total' => '49.00' ) ) );
		$order->described = array();
		WC()->made        = 51;
		Fake::$answer     = contract( 'initiate-express' )['response']['body'];
		same( 'started', press() );
		same( array( '1348.02', array() ), array( $order->total, $order->get_shipping() ) );
		same( 51, WC()->session->kept['order_awaiting_payment'] );
		same( array( true, 'yes' ), array( Fake::asked()['express'], $order->meta['_kasse_express'] ) );
	}
);

test(
	'the express button says why it cannot begin',
	static function () {
		WC()->cart->empty = true;
		same( contract( 'storefront-express-refused' )['response']['body'], press() );
		WC()->cart->empty = false;
		WC()->cart->ships = false;
		holds( false !== strpos( press()['message'], 'Nothing of this needs' ), 'nothing to deliver' );
		WC()->cart->ships = true;
		WC()->made        = new WP_Error( 'checkout-error', 'No order could be made.' );
		same( 'No order could be made.', press()['message'] );
		express_order();
		WC()->made = 51;
		Fake::refuses( 'Prøv igjen senere.' );
		same( 'Prøv igjen senere.', press()['message'] );
		WC()->offered = false;
		same( 'Express is not offered at the moment.', press()['message'] );
	}
);

test(
	'what the shop itself has against the cart is told',
	static function () {
		$against = static function () {
			wc_add_notice( '<b>Lamp &amp; shade</b> is out of stock.', 'error' );
		};
		add_action( 'woocommerce_check_cart_items', $against );
		$message = press()['message'];
		remove_filter( 'woocommerce_check_cart_items', $against );
		same( 'Lamp &amp; shade is out of stock.', $message, 'escaped once' );
		same( array(), Fake::$notices );
		WC()->made = new WP_Error( 'checkout-error', 'Not enough units of &quot;Lamp&quot; are available.' );
		same( 'Not enough units of &quot;Lamp&quot; are available.', press()['message'] );
		same( array(), Fake::$calls );
	}
);

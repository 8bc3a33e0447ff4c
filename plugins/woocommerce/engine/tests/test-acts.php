<?php
/**
 * Capturing, cancelling, refunding.
 *
 * @package kasse
 */

/** An order that was reserved. */
function reserved( int $id = 50, string $reference = 'fjell-50-a1b2c3' ): WC_Order {
	$order                          = new WC_Order( $id );
	$order->props['transaction_id'] = $reference;
	return $order;
}

/** "Refund by Vipps", as WooCommerce does it: the refund is there while the gateway is asked. */
function refund_by_vipps( WC_Order $order, string $amount, int $id ) {
	$refund = new WC_Order_Refund( $id, $order->get_id(), $amount );
	Fake::happens( 'woocommerce_create_refund', $refund, array() );
	$order->refunds[ $id ] = $refund;
	$result                = ( new Kasse_Gateway() )->process_refund( $order->get_id(), $amount );
	if ( is_wp_error( $result ) ) {
		unset( $order->refunds[ $id ] );
		return $result->get_error_message();
	}
	return $result;
}

/** Something that kasse writes by the REST API. */
function kasse_writes( string $route, array $body, callable $how ) {
	$request          = new WP_REST_Request( 'PUT', $route );
	$request->headers = array( 'x-kasse-event' => 'main/fjell-50-a1b2c3/2' );
	$request->body    = json_encode( $body );
	Kasse_Echo::begin( null, array(), $request );
	// Another plugin asks the REST API within it.
	$within = new WP_REST_Request( 'GET', '/wc/v3/products' );
	Kasse_Echo::begin( null, array(), $within );
	Kasse_Echo::end( null, array(), $within );
	$how();
	Kasse_Echo::end( null, array(), $request );
}

foreach ( array( 'completed' => 'capture', 'cancelled' => 'cancel' ) as $status => $verb ) {
	test(
		"an order that goes to $status asks for $verb as the contract says",
		static function () use ( $status, $verb ) {
			$exchange      = contract( $verb );
			$order         = reserved();
			$order->status = $status;
			Fake::$answer  = $exchange['response']['body'];
			Fake::happens( "woocommerce_order_status_$status", 50, $order );
			same( $exchange['request']['raw_body'], Fake::$calls[0]['args']['body'] );
			same( 'https://kasse.example' . $exchange['request']['path'], Fake::$calls[0]['url'] );
			same( 1, count( $order->notes ) );
			same( array(), Fake::$scheduled );
		}
	);

	test(
		"an order that kasse itself sets to $status is not told to kasse again, one that another plugin moves there is",
		static function () use ( $status ) {
			$happens = static function () use ( $status ) {
				Fake::happens( "woocommerce_order_status_$status", 50, reserved() );
			};
			kasse_writes( '/wc/v3/orders/50', array( 'status' => $status ), $happens );
			same( 0, count( Fake::$calls ) );
			kasse_writes( '/wc/v3/orders/50', array( 'status' => 'processing' ), $happens );
			same( 1, count( Fake::$calls ) );
			$happens();
			same( 2, count( Fake::$calls ), 'the call of kasse has ended' );
			kasse_writes( '/wc/store/v1/checkout', array( 'status' => $status ), $happens );
			same( 3, count( Fake::$calls ), 'a shopper cannot pass as kasse' );
		}
	);

	test(
		"an order that goes to $status is not told where it was paid in another way, or never begun",
		static function () use ( $status ) {
			$order                          = reserved();
			$order->props['payment_method'] = 'cod';
			Fake::happens( "woocommerce_order_status_$status", 50, $order );
			Fake::happens( "woocommerce_order_status_$status", 51, new WC_Order( 51 ) );
			same( 0, count( Fake::$calls ) );
		}
	);

	test(
		"where kasse gives no answer to $verb, it is asked again until it does, and not for ever",
		static function () use ( $status, $verb ) {
			$order         = reserved();
			$order->status = $status;
			Fake::$answer  = new WP_Error( 'http_request_failed', 'timed out' );
			Fake::happens( "woocommerce_order_status_$status", 50, $order );
			$delays = array();
			for ( $tries = 1; $tries <= 6; $tries++ ) {
				list( $delay, $hook, $args, $group ) = array_pop( Fake::$scheduled );
				same( array( 'kasse_ask_again', array( $verb, 50, $tries ), 'kasse' ), array( $hook, $args, $group ) );
				$delays[] = $delay;
				Fake::happens( $hook, ...$args );
			}
			same( array( 60, 300, 900, 3600, 21600, 86400 ), $delays );
			same( array(), Fake::$scheduled );
			same( 7, count( $order->notes ) );
			holds( false !== strpos( end( $order->notes ), 'not tried again' ), 'the merchant is told' );
			same( Fake::$calls[0]['args']['body'], end( Fake::$calls )['args']['body'], 'the same is asked' );
		}
	);

	test(
		"kasse is not asked again for $verb where the order has moved on meanwhile",
		static function () use ( $verb ) {
			reserved()->status = 'processing';
			Fake::happens( 'kasse_ask_again', $verb, 50, 1 );
			Fake::happens( 'kasse_ask_again', $verb, 51, 1 );
			same( 0, count( Fake::$calls ) );
		}
	);
}

test(
	'what was refunded before is not captured',
	static function () {
		$order          = reserved();
		$order->refunds = array( new WC_Order_Refund( 60, 50, '97.02' ) );
		Fake::happens( 'woocommerce_order_status_completed', 50, $order );
		same( '1300.00', Fake::asked()['amount'] );
		$order->refunds[] = new WC_Order_Refund( 61, 50, '1300.00' );
		Fake::happens( 'woocommerce_order_status_completed', 50, $order );
		same( 1, count( Fake::$calls ), 'nothing is left to capture' );
	}
);

test(
	'where there is no transaction yet, the newest attempt is cancelled',
	static function () {
		$order                           = new WC_Order( 50 );
		$order->meta['_kasse_reference'] = 'fjell-50-new';
		Fake::happens( 'woocommerce_order_status_cancelled', 50, $order );
		same( 'fjell-50-new', Fake::asked()['reference'] );
	}
);

test(
	'a capture that is refused is told on the order, and not tried again',
	static function () {
		$exchange     = contract( 'capture-refused' );
		$order        = reserved( 52, 'fjell-52-a7b8c9' );
		Fake::$answer = $exchange['response']['body'];
		Fake::happens( 'woocommerce_order_status_completed', 52, $order );
		same( $exchange['request']['raw_body'], Fake::$calls[0]['args']['body'] );
		same( array( 'The payment is not captured. The reservation has run out.' ), $order->notes );
		same( array(), Fake::$scheduled );
	}
);

test(
	'a refund asks as the contract says',
	static function () {
		$exchange = contract( 'refund' );
		$order    = reserved();
		same( true, refund_by_vipps( $order, '300.00', 61 ) );
		same( $exchange['request']['raw_body'], Fake::$calls[0]['args']['body'] );
		same( array(), $order->meta );
	}
);

test(
	'two refunds of the same amount are two refunds',
	static function () {
		$order = reserved();
		refund_by_vipps( $order, '300', 61 );
		refund_by_vipps( $order, '300', 62 );
		same( '62', Fake::asked()['refund'] );
		same( '300.00', Fake::asked()['amount'] );
	}
);

test(
	'a refund that is refused is told, and a new try is a new refund',
	static function () {
		$order = reserved();
		Fake::refuses( 'Vipps refused it.' );
		same( 'Vipps refused it.', refund_by_vipps( $order, '300', 61 ) );
		refund_by_vipps( $order, '300', 62 );
		same( '62', Fake::asked()['refund'] );
		same( array(), Fake::$scheduled );
	}
);

test(
	'a refund whose answer is lost is the same refund when it is tried again',
	static function () {
		$exchange     = contract( 'refund-under-way' );
		$order        = reserved();
		Fake::$answer = $exchange['response']['body'];
		holds( false !== strpos( refund_by_vipps( $order, '300.00', 61 ), 'shown here by itself' ), 'the merchant is told' );
		same( array( array( 60, 'kasse_ask_again', array( 'refund', 50, 1 ), 'kasse' ) ), Fake::$scheduled );
		holds( false !== strpos( refund_by_vipps( $order, '200.00', 62 ), '300.00 has not been answered' ), 'another one has to wait' );
		same( 1, count( Fake::$calls ) );
		Fake::$answer = contract( 'refund' )['response']['body'];
		same( true, refund_by_vipps( $order, '300.00', 63 ) );
		same( $exchange['request']['raw_body'], end( Fake::$calls )['args']['body'] );
		same( array(), $order->meta );
		Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
		same( 2, count( Fake::$calls ), 'nothing is left to ask' );
	}
);

test(
	'a refund whose answer is lost is shown when it is known to be done, and kasse has had a minute to write it',
	static function () {
		$order        = reserved();
		Fake::$answer = 'oops';
		refund_by_vipps( $order, '300.00', 61 );
		same( 0, count( $order->refunds ) );
		Fake::$answer    = contract( 'refund' )['response']['body'];
		Fake::$scheduled = array();
		Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
		same( '61', Fake::asked()['refund'] );
		same( array( 0, array( array( 60, 'kasse_ask_again', array( 'refund', 50, 1 ), 'kasse' ) ) ), array( count( $order->refunds ), Fake::$scheduled ) );
		Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
		same( 1, count( $order->refunds ) );
		same( '300.00', end( $order->refunds )->get_amount() );
		same( array(), $order->meta );
	}
);

test(
	'a refund whose answer is lost is shown once, where kasse writes it first',
	static function () {
		foreach ( array( 'before', 'while it is asked', 'after it was asked' ) as $when ) {
			Fake::reset();
			$order        = reserved();
			Fake::$answer = 'oops';
			refund_by_vipps( $order, '300.00', 61 );
			$writes = static function () use ( $order ) {
				kasse_writes(
					'/wc/v3/orders/50/refunds',
					array( 'amount' => '300.00' ),
					static function () use ( $order ) {
						$refund = new WC_Order_Refund( 70, 50, '300.00', 'Vipps' );
						Fake::happens( 'woocommerce_create_refund', $refund, array() );
						$order->refunds[] = $refund;
					}
				);
			};
			Fake::$answer = contract( 'refund' )['response']['body'];
			if ( 'before' === $when ) {
				$writes();
			} elseif ( 'while it is asked' === $when ) {
				Fake::$meanwhile = $writes;
			}
			Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
			if ( 'after it was asked' === $when ) {
				$writes();
			}
			Fake::$meanwhile = null;
			Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
			same( 1, count( $order->refunds ), $when );
			same( array(), $order->meta, $when );
		}
	}
);

test(
	'another refund that kasse writes does not settle the lost one',
	static function () {
		$order        = reserved();
		Fake::$answer = 'oops';
		refund_by_vipps( $order, '300.00', 61 );
		kasse_writes(
			'/wc/v3/orders/50/refunds',
			array(),
			static function () {
				Fake::happens( 'woocommerce_create_refund', new WC_Order_Refund( 70, 50, '5.00' ), array() );
			}
		);
		same( '61', $order->meta['_kasse_refund']['refund'] );
	}
);

test(
	'a lost refund is given up when it is refused, or never answered; the merchant is told',
	static function () {
		$order        = reserved();
		Fake::$answer = 'oops';
		refund_by_vipps( $order, '300.00', 61 );
		Fake::happens( 'kasse_ask_again', 'refund', 50, 6 );
		same( array(), $order->meta );
		same( array( 'The refund of 300.00 is not done. kasse gave no answer. It is not tried again: look at the payment in kasse.' ), $order->notes );
		refund_by_vipps( $order, '300.00', 62 );
		Fake::refuses( 'Vipps refused it.' );
		Fake::happens( 'kasse_ask_again', 'refund', 50, 1 );
		same( array(), $order->meta );
		same( 'The refund of 300.00 is not done. Vipps refused it.', end( $order->notes ) );
	}
);

test(
	'a refund without a refund of WooCommerce is refused: it would have no key',
	static function () {
		$order = reserved();
		Fake::happens( 'woocommerce_create_refund', new WC_Order_Refund( 61, 51, '300.00' ), array() );
		holds( is_wp_error( ( new Kasse_Gateway() )->process_refund( 50, '300.00' ) ), 'another order\'s refund' );
		same( 0, count( Fake::$calls ) );
	}
);

test(
	'"Refund by Vipps" is offered where there is a transaction',
	static function () {
		$gateway = new Kasse_Gateway();
		holds( $gateway->can_refund_order( reserved() ), 'with a transaction' );
		holds( ! $gateway->can_refund_order( new WC_Order( 51 ) ), 'not without' );
	}
);

test(
	'the order\'s page shows what stands at Vipps, and nothing where there is nothing',
	static function () {
		$show = static function () {
			ob_start();
			Kasse_Order::show_sums( 50 );
			return strip_tags( str_replace( '</tr>', "\n", ob_get_clean() ) );
		};
		$order       = reserved();
		$order->meta = array(
			'_kasse_authorised' => '1397.02',
			'_kasse_captured'   => '1000.00',
			'_kasse_released'   => '0.00',
		);
		same( "Reserved at Vipps:NOK 1397.02\nCaptured at Vipps:NOK 1000.00\n", $show() );
		$order->props['payment_method'] = 'cod';
		same( '', $show() );
	}
);

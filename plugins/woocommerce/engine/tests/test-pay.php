<?php
/**
 * Paying.
 *
 * @package kasse
 */

/** An order as the contract has it. */
function order_of( array $described ): WC_Order {
	$order = new WC_Order( $described['id'] );
	unset( $described['kasse'] );
	$order->described             = $described;
	$order->total                 = $described['total'];
	$order->props['return']       = true;
	return $order;
}

/** What the contract asks, on this machine and at this shop's address. */
function expected_body( array $exchange, WC_Order $order ): array {
	$body                           = $exchange['request']['body'];
	$body['versions']['php']        = PHP_VERSION;
	$url                            = $order->get_checkout_order_received_url();
	$body['return_url']             = $url;
	$body['order']['kasse']['return_url'] = $url;
	return $body;
}

/** Sorted by name, at each depth: JSON knows no order of names. */
function sorted( $value ) {
	if ( is_array( $value ) ) {
		$value = array_map( 'sorted', $value );
		ksort( $value );
	}
	return $value;
}

foreach ( array( 'initiate' => false, 'initiate-express' => true ) as $name => $express ) {
	test(
		"a payment begins as the contract says: $name",
		static function () use ( $name, $express ) {
			$exchange     = contract( $name );
			$order        = order_of( $exchange['request']['body']['order'] );
			Fake::$answer = $exchange['response']['body'];
			$answer       = Kasse_Order::begin( $order, $express );
			holds( $answer['done'], 'it is begun' );
			same( $exchange['response']['body']['redirect'], $answer['redirect'] );
			same( sorted( expected_body( $exchange, $order ) ), sorted( Fake::asked() ) );
			same( 'https://kasse.example' . $exchange['request']['path'], Fake::$calls[0]['url'] );
			same( $exchange['response']['body']['reference'], $order->meta['_kasse_reference'] );
			holds( $order->saved > 0, 'the order is saved' );
		}
	);
}

test(
	'each call is signed anew, follows no redirect, and waits no longer than a page may',
	static function () {
		Kasse_Client::ask( 'cancel', array( 'order' => '50' ) );
		Kasse_Client::ask( 'cancel', array( 'order' => '50' ) );
		list( $one, $other ) = Fake::$calls;
		$headers             = $one['args']['headers'];
		holds( $headers['x-kasse-id'] !== $other['args']['headers']['x-kasse-id'], 'the ids differ' );
		same(
			Kasse_Signature::of( 'change-me-change-me-change-me-too', 'POST', '/engine/fjell/cancel', $headers['x-kasse-time'], $headers['x-kasse-id'], $one['args']['body'] ),
			$headers['x-kasse-signature']
		);
		same( 0, $one['args']['redirection'] );
		same( 15, $one['args']['timeout'] );
	}
);

test(
	'what is no answer is neither done nor refused',
	static function () {
		foreach ( array( new WP_Error( 'http_request_failed', 'timed out' ), '', 'oops', '[]', '{"done":"yes"}', '{"refused":true}' ) as $got ) {
			Fake::$answer = $got;
			$answer       = Kasse_Client::ask( 'cancel', array() );
			same( array( false, false, 'kasse gave no answer.' ), array( $answer['done'], $answer['refused'], $answer['message'] ) );
		}
	}
);

test(
	'what fails at kasse is not refused: it may be done another time',
	static function () {
		Fake::refuses( 'The journal cannot be read.' );
		foreach ( array( 409 => true, 503 => false ) as $status => $refused ) {
			Fake::$status = $status;
			same( $refused, Kasse_Client::ask( 'capture', array() )['refused'] );
		}
	}
);

test(
	'the shopper is sent to Vipps',
	static function () {
		$exchange     = contract( 'initiate' );
		$order        = order_of( $exchange['request']['body']['order'] );
		Fake::$answer = $exchange['response']['body'];
		$result       = ( new Kasse_Gateway() )->process_payment( $order->get_id() );
		same(
			array(
				'result'   => 'success',
				'redirect' => $exchange['response']['body']['redirect'],
			),
			$result
		);
	}
);

test(
	'the shopper reads why a payment cannot begin: kasse\'s sentence, or ours',
	static function () {
		new WC_Order( 50 );
		Fake::refuses( 'Betalingen kunne ikke startes.' );
		same( array( 'result' => 'failure' ), ( new Kasse_Gateway() )->process_payment( 50 ) );
		same( 'Betalingen kunne ikke startes.', Fake::$notices[0]['notice'] );
		Fake::$answer = 'oops';
		( new Kasse_Gateway() )->process_payment( 50 );
		holds( false !== strpos( Fake::$notices[1]['notice'], 'Try again' ), 'nothing of the inside is told' );
		Fake::$answer = array( 'done' => true, 'refused' => false, 'reference' => 'fjell-50' );
		same( array( 'result' => 'failure' ), ( new Kasse_Gateway() )->process_payment( 50 ) );
	}
);

test(
	'the REST API says of an order what kasse has to know, and nothing of orders paid in other ways',
	static function () {
		$order       = new WC_Order( 50 );
		$order->meta = array( '_kasse_express' => 'yes', '_kasse_language' => 'da', '_kasse_reference' => 'fjell-50' );
		$field       = Kasse_Order::add_field( new WP_REST_Response( array() ), $order )->get_data()['kasse'];
		same( array( 'https://shop.example/checkout/order-received/50/?key=wc_order_abc', true, 'da', 'fjell-50' ), array_values( $field ) );
		$order->props['payment_method'] = 'cod';
		same( array( 'kasse' => null ), Kasse_Order::add_field( new WP_REST_Response( array() ), $order )->get_data() );
	}
);

test(
	'the language is one of those that Vipps knows',
	static function () {
		$expected = array( 'nn_NO' => 'nb', 'nb_NO' => 'nb', 'da_DK' => 'da', 'fi' => 'fi', 'sv_SE' => 'sv', 'de_DE' => 'en', 'en_GB' => 'en' );
		foreach ( $expected as $locale => $language ) {
			Fake::$options['locale'] = $locale;
			Kasse_Order::begin( new WC_Order( 50 ), false );
			same( $language, Fake::asked()['language'], $locale );
		}
	}
);

test(
	'it is offered where it is set up, enabled, and in a currency that Vipps MobilePay takes',
	static function () {
		$offered = static function () {
			return ( new Kasse_Gateway() )->is_available();
		};
		holds( $offered(), 'NOK' );
		Fake::$options['woocommerce_currency'] = 'DKK';
		holds( $offered(), 'DKK' );
		Fake::$options['woocommerce_currency'] = 'USD';
		holds( ! $offered(), 'not in USD' );
		Fake::$options['woocommerce_currency'] = 'NOK';
		foreach ( array( 'url', 'shop', 'secret', 'enabled' ) as $setting ) {
			$kept = Fake::$options['woocommerce_kasse_vipps_settings'][ $setting ];
			Fake::$options['woocommerce_kasse_vipps_settings'][ $setting ] = '';
			holds( ! $offered(), "not without $setting" );
			Fake::$options['woocommerce_kasse_vipps_settings'][ $setting ] = $kept;
		}
	}
);

test(
	'the settings hold nothing of Vipps, and are looked at before they are kept',
	static function () {
		$gateway = new Kasse_Gateway();
		same( array( 'enabled', 'title', 'description', 'url', 'shop', 'secret', 'cart', 'product' ), array_keys( $gateway->form_fields ) );
		same( 'https://kasse.example', $gateway->validate_url_field( 'url', ' https://kasse.example/ ' ) );
		same( 'fjell-2', $gateway->validate_shop_field( 'shop', ' fjell-2 ' ) );
		same( str_repeat( 'x', 32 ), $gateway->validate_secret_field( 'secret', str_repeat( 'x', 32 ) ) );
		$wrong = array(
			array( 'url', 'kasse.example' ),
			array( 'url', 'ftp://kasse.example' ),
			array( 'url', 'https://kasse.example/engine' ),
			array( 'shop', 'Fjell AS' ),
			array( 'shop', '../admin' ),
			array( 'secret', str_repeat( 'x', 31 ) ),
		);
		foreach ( $wrong as list( $field, $value ) ) {
			$taken = true;
			try {
				$gateway->{"validate_{$field}_field"}( $field, $value );
			} catch ( Exception $why ) {
				$taken = false;
			}
			holds( ! $taken, "$field is not $value" );
		}
	}
);

test(
	'who enters something wrong is told',
	static function () {
		$gateway         = new Kasse_Gateway();
		$gateway->errors = array( 'The secret has fewer than 32 characters.' );
		$gateway->process_admin_options();
		same( 'The secret has fewer than 32 characters.', Fake::$notices[0]['notice'] );
	}
);

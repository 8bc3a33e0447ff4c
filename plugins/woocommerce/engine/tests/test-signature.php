<?php
/**
 * Signed calls.
 *
 * @package kasse
 */

/** A call of kasse, signed now. */
function signed_call( string $method, string $path, ?array $body = null, array $headers = array() ): WP_REST_Request {
	$request                 = new WP_REST_Request( $method, $path );
	$request->body           = null === $body ? '' : json_encode( $body );
	$time                    = (string) ( $headers['x-kasse-time'] ?? time() );
	$id                      = $headers['x-kasse-id'] ?? bin2hex( random_bytes( 16 ) );
	$secret                  = 'change-me-change-me-change-me-too';
	$request->headers        = $headers + array(
		'x-kasse-time'      => $time,
		'x-kasse-id'        => $id,
		'x-kasse-signature' => Kasse_Signature::of( $secret, $method, $path, $time, $id, $request->body ),
	);
	$_SERVER['REQUEST_URI'] = $path;
	return $request;
}

/** Why it is not permitted. */
function refusal( WP_REST_Request $request ): string {
	$permitted = Kasse_Routes::permitted( $request );
	return true === $permitted ? 'permitted' : $permitted->get_error_code() . ' ' . $permitted->get_error_data()['status'];
}

test(
	'every signed exchange of the contract has the signature that this plugin makes',
	static function () {
		$seen = 0;
		foreach ( glob( __DIR__ . '/../../tests/contract/*.json' ) as $file ) {
			$exchange = contract( basename( $file, '.json' ) );
			if ( ! isset( $exchange['secret'] ) ) {
				continue;
			}
			$request = $exchange['request'];
			$headers = $request['headers'];
			same(
				$headers['x-kasse-signature'],
				Kasse_Signature::of( $exchange['secret'], $request['method'], $request['path'], $headers['x-kasse-time'], $headers['x-kasse-id'], $request['raw_body'] ?? '' ),
				$file
			);
			same( $request['body'] ?? null, json_decode( $request['raw_body'] ?? 'null', true ), $file );
			++$seen;
		}
		holds( $seen >= 15, "$seen exchanges are signed" );
	}
);

test(
	'a call that is signed just now is permitted, once',
	static function () {
		$call = signed_call( 'GET', '/wp-json/kasse/v1/about' );
		same( 'permitted', refusal( $call ) );
		same( 'kasse_replayed 409', refusal( $call ) );
	}
);

test(
	'the query belongs to what is signed',
	static function () {
		$call = signed_call( 'GET', '/index.php?rest_route=/kasse/v1/about' );
		same( 'permitted', refusal( $call ) );
		$call                   = signed_call( 'GET', '/index.php?rest_route=/kasse/v1/about' );
		$_SERVER['REQUEST_URI'] = '/index.php?rest_route=/kasse/v1/forget';
		same( 'kasse_signature 401', refusal( $call ) );
	}
);

test(
	'a call is refused where it is not signed, not by kasse, changed, or of another time',
	static function () {
		$path = '/wp-json/kasse/v1/forget';
		same( 'kasse_unsigned 401', refusal( new WP_REST_Request( 'POST', $path ) ) );
		same( 'kasse_signature 401', refusal( signed_call( 'POST', $path, array(), array( 'x-kasse-signature' => str_repeat( '0', 64 ) ) ) ) );
		same( 'kasse_clock 401', refusal( signed_call( 'POST', $path, array(), array( 'x-kasse-time' => time() - 301 ) ) ) );
		same( 'kasse_clock 401', refusal( signed_call( 'POST', $path, array(), array( 'x-kasse-time' => time() + 302 ) ) ) );
		same( 'kasse_unsigned 401', refusal( signed_call( 'POST', $path, array(), array( 'x-kasse-id' => 'short' ) ) ) );
		same( 'kasse_unsigned 401', refusal( signed_call( 'POST', $path, array(), array( 'x-kasse-time' => '1e9' ) ) ) );
		$changed       = signed_call( 'POST', $path, array( 'orders' => array( '1' ) ) );
		$changed->body = '{"orders":["2"]}';
		same( 'kasse_signature 401', refusal( $changed ) );
	}
);

test(
	'without a secret nobody is let in',
	static function () {
		Fake::$options['woocommerce_kasse_vipps_settings']['secret'] = '';
		same( 'kasse_not_set_up 503', refusal( signed_call( 'GET', '/wp-json/kasse/v1/about' ) ) );
	}
);

test(
	'a call that is not permitted uses up no id, and ids are forgotten when they can no longer come',
	static function () {
		$id = str_repeat( 'ab', 16 );
		refusal( signed_call( 'GET', '/x', null, array( 'x-kasse-id' => $id, 'x-kasse-signature' => str_repeat( '0', 64 ) ) ) );
		$GLOBALS['wpdb']->rows['kasse_call_old'] = (string) ( time() - 700 );
		same( 'permitted', refusal( signed_call( 'GET', '/x', null, array( 'x-kasse-id' => $id ) ) ) );
		same( array( "kasse_call_$id" ), array_keys( $GLOBALS['wpdb']->rows ) );
	}
);

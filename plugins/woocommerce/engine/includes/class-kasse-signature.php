<?php
/**
 * What shop and kasse sign their calls with.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * HMAC-SHA256, in lower-case hexadecimal, over the method, the path with its query, the time (seconds
 * since 1970), the call's id (32 hexadecimal digits, new for each call) and the SHA-256 of the body,
 * one a line.
 */
final class Kasse_Signature {

	/** How far the two clocks may be apart, in seconds. */
	const CLOCKS = 300;

	/** What the ids of the calls lately taken are kept under, among WordPress' options. */
	const SEEN = 'kasse_call_';

	/**
	 * The signature of one call.
	 *
	 * @param string $secret What both sides know.
	 * @param string $method `POST`.
	 * @param string $path   The path with its query, as it is sent.
	 * @param string $time   Seconds since 1970.
	 * @param string $id     The call's id.
	 * @param string $body   As it is sent.
	 */
	public static function of( string $secret, string $method, string $path, string $time, string $id, string $body ): string {
		$signed = implode( "\n", array( $method, $path, $time, $id, hash( 'sha256', $body ) ) );
		return hash_hmac( 'sha256', $signed, $secret );
	}

	/**
	 * The headers of a call that the shop makes now.
	 *
	 * @param string $secret What both sides know.
	 * @param string $path   Where to.
	 * @param string $body   As it is sent.
	 */
	public static function headers( string $secret, string $path, string $body ): array {
		$time = (string) time();
		$id   = bin2hex( random_bytes( 16 ) );
		return array(
			'x-kasse-time'      => $time,
			'x-kasse-id'        => $id,
			'x-kasse-signature' => self::of( $secret, 'POST', $path, $time, $id, $body ),
		);
	}

	/**
	 * Did kasse sign this call, just now, and is it the first time that it comes?
	 *
	 * @param WP_REST_Request $request The call.
	 * @param string          $path    The path with its query, as it came.
	 * @param string          $secret  What both sides know.
	 * @return true|WP_Error
	 */
	public static function check( WP_REST_Request $request, string $path, string $secret ) {
		if ( '' === $secret ) {
			return self::refused( 'kasse_not_set_up', 'The plugin has no secret yet. Enter it in its settings.', 503 );
		}
		$time      = (string) $request->get_header( 'x-kasse-time' );
		$id        = (string) $request->get_header( 'x-kasse-id' );
		$signature = (string) $request->get_header( 'x-kasse-signature' );
		if ( '' === $signature || ! preg_match( '/^[0-9]{1,12}$/D', $time ) || ! preg_match( '/^[0-9a-f]{32}$/D', $id ) ) {
			return self::refused( 'kasse_unsigned', 'The call is not signed.', 401 );
		}
		$expected = self::of( $secret, $request->get_method(), $path, $time, $id, (string) $request->get_body() );
		if ( ! hash_equals( $expected, $signature ) ) {
			return self::refused( 'kasse_signature', 'The signature is not the one of kasse. Do both have the same secret?', 401 );
		}
		if ( abs( time() - (int) $time ) > self::CLOCKS ) {
			return self::refused( 'kasse_clock', 'The call was signed more than 5 minutes ago or ahead. Look at both clocks.', 401 );
		}
		if ( ! self::is_first( $id ) ) {
			return self::refused( 'kasse_replayed', 'The call was made already.', 409 );
		}
		return true;
	}

	/**
	 * Remembers an id for as long as its call could be repeated. The database decides who was first.
	 *
	 * @param string $id The call's id.
	 */
	private static function is_first( string $id ): bool {
		global $wpdb;
		// phpcs:disable WordPress.DB.DirectDatabaseQuery -- The options' functions can neither insert only what is new, nor leave the cache alone.
		$wpdb->query(
			$wpdb->prepare(
				"DELETE FROM {$wpdb->options} WHERE option_name LIKE %s AND option_value + 0 < %d",
				$wpdb->esc_like( self::SEEN ) . '%',
				time() - 2 * self::CLOCKS
			)
		);
		$added = $wpdb->query(
			$wpdb->prepare(
				"INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')",
				self::SEEN . $id,
				(string) time()
			)
		);
		// phpcs:enable
		return 1 === $added;
	}

	/**
	 * Why a call is not taken. It is read by who runs kasse, in English as its log.
	 *
	 * @param string $code    For machines.
	 * @param string $message For people.
	 * @param int    $status  HTTP's.
	 */
	private static function refused( string $code, string $message, int $status ): WP_Error {
		return new WP_Error( $code, $message, array( 'status' => $status ) );
	}
}

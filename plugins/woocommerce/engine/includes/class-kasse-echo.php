<?php
/**
 * What kasse itself writes.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * Tells what kasse writes by the REST API from what the shop's people do: the first is not told to
 * kasse again.
 */
final class Kasse_Echo {

	/**
	 * The status that kasse's call sets.
	 *
	 * @var string
	 */
	private static $status = '';

	/**
	 * The call of kasse that is under way.
	 *
	 * @var WP_REST_Request|null
	 */
	private static $call = null;

	/**
	 * Looks at each call of the REST API.
	 */
	public static function register() {
		add_filter( 'rest_request_before_callbacks', array( __CLASS__, 'begin' ), 10, 3 );
		add_filter( 'rest_request_after_callbacks', array( __CLASS__, 'end' ), 10, 3 );
	}

	/**
	 * Is it kasse who calls? Only who may write orders comes to where this is asked.
	 *
	 * @param mixed           $response What is answered, where something is already.
	 * @param array           $handler  Who answers.
	 * @param WP_REST_Request $request  The call.
	 */
	public static function begin( $response, $handler, $request ) {
		$orders = 0 === strpos( $request->get_route(), '/wc/v3/orders/' );
		if ( $orders && '' !== (string) $request->get_header( 'x-kasse-event' ) ) {
			self::$call   = $request;
			self::$status = (string) $request['status'];
		}
		return $response;
	}

	/**
	 * A call is answered. It may be one that was made within kasse's.
	 *
	 * @param mixed           $response What is answered.
	 * @param array           $handler  Who answered.
	 * @param WP_REST_Request $request  The call.
	 */
	public static function end( $response, $handler, $request ) {
		if ( self::$call === $request ) {
			self::$call   = null;
			self::$status = '';
		}
		return $response;
	}

	/**
	 * Does kasse write just now?
	 */
	public static function is_writing(): bool {
		return null !== self::$call;
	}

	/**
	 * Does kasse set this very status? What other plugins make of it is theirs, and told to kasse.
	 *
	 * @param string $status `completed`.
	 */
	public static function sets( string $status ): bool {
		return self::is_writing() && self::$status === $status;
	}
}

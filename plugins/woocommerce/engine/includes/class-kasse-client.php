<?php
/**
 * Calls to kasse.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * Asks kasse. What is not known is said to be so: neither done nor refused.
 */
final class Kasse_Client {

	/** How long kasse may take, in seconds. It answers within twelve, whatever Vipps does. */
	const PATIENCE = 15;

	/**
	 * The plugin's settings, from the database alone: no gateway has to be made for them.
	 *
	 * @param string $key Its name.
	 */
	public static function setting( string $key ): string {
		$settings = get_option( 'woocommerce_kasse_vipps_settings', array() );
		return is_array( $settings ) && isset( $settings[ $key ] ) ? (string) $settings[ $key ] : '';
	}

	/**
	 * Is everything there that a call needs?
	 */
	public static function is_set_up(): bool {
		return '' !== self::setting( 'url' ) && '' !== self::setting( 'shop' ) && '' !== self::setting( 'secret' );
	}

	/**
	 * Asks kasse to do something.
	 *
	 * @param string $verb     `initiate`, `capture`, `cancel` or `refund`.
	 * @param array  $question The body.
	 * @return array{done: bool, refused: bool, reference: string, redirect: string, message: string}
	 */
	public static function ask( string $verb, array $question ): array {
		$path = '/engine/' . self::setting( 'shop' ) . '/' . $verb;
		$body = (string) wp_json_encode( $question );
		$got  = wp_remote_post(
			untrailingslashit( self::setting( 'url' ) ) . $path,
			array(
				'timeout'             => self::PATIENCE,
				'redirection'         => 0,
				'limit_response_size' => 65536,
				'headers'             => array( 'content-type' => 'application/json' )
					+ Kasse_Signature::headers( self::setting( 'secret' ), $path, $body ),
				'body'                => $body,
			)
		);
		$why  = is_wp_error( $got ) ? $got->get_error_message() : 'HTTP ' . wp_remote_retrieve_response_code( $got );
		$read = is_wp_error( $got ) ? null : json_decode( wp_remote_retrieve_body( $got ), true );
		if ( is_array( $read ) && isset( $read['done'] ) && is_bool( $read['done'] ) ) {
			$answer = array(
				'done'    => $read['done'],
				// What fails on the other side may be done another time.
				'refused' => isset( $read['refused'] ) && true === $read['refused'] && wp_remote_retrieve_response_code( $got ) < 500,
			);
			foreach ( array( 'reference', 'redirect', 'message' ) as $key ) {
				$answer[ $key ] = isset( $read[ $key ] ) && is_string( $read[ $key ] ) ? $read[ $key ] : '';
			}
			return $answer;
		}
		wc_get_logger()->warning( "kasse was asked to $verb, and gave no answer: $why", array( 'source' => 'kasse' ) );
		return array(
			'done'      => false,
			'refused'   => false,
			'reference' => '',
			'redirect'  => '',
			'message'   => __( 'kasse gave no answer.', 'kasse' ),
		);
	}
}

<?php
/**
 * For the test shop, in `wp-content/mu-plugins`: what is heavy is sent in a package of its own.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

add_filter(
	'woocommerce_cart_shipping_packages',
	static function ( $packages ) {
		$split = array();
		foreach ( $packages as $package ) {
			$parts = array();
			foreach ( $package['contents'] as $key => $item ) {
				$heavy                   = (float) $item['data']->get_weight() > 50 ? 'heavy' : 'light';
				$parts[ $heavy ][ $key ] = $item;
			}
			foreach ( $parts as $contents ) {
				$package['contents']      = $contents;
				$package['contents_cost'] = array_sum( wp_list_pluck( $contents, 'line_total' ) );
				$split[]                  = $package;
			}
		}
		return $split;
	}
);

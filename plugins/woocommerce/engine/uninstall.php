<?php
/**
 * What the plugin leaves behind is removed with it. The orders keep the names of their payments.
 *
 * @package kasse
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

delete_option( 'woocommerce_kasse_vipps_settings' );

global $wpdb;
// phpcs:ignore WordPress.DB.DirectDatabaseQuery -- The options' functions know no prefix.
$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( 'kasse_call_' ) . '%' ) );

<?php
/**
 * Makes the test shop that the checklist buys in: articles, VAT, a coupon, deliveries, a key of the
 * REST API, and the plugin's settings. For an empty shop alone; run again, it changes nothing more.
 *
 *     KASSE_URL=http://127.0.0.1:8080 KASSE_SHOP=shop KASSE_SECRET=… wp eval-file seed.php
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

$kasse_options = array(
	'woocommerce_currency'              => 'NOK',
	'woocommerce_price_num_decimals'    => '2',
	'woocommerce_default_country'       => 'NO',
	'woocommerce_store_postcode'        => '0190',
	'woocommerce_calc_taxes'            => 'yes',
	'woocommerce_prices_include_tax'    => 'yes',
	'woocommerce_tax_display_shop'      => 'incl',
	'woocommerce_tax_display_cart'      => 'incl',
	'woocommerce_enable_coupons'        => 'yes',
	'woocommerce_enable_guest_checkout' => 'yes',
	'woocommerce_manage_stock'          => 'yes',
	'woocommerce_hold_stock_minutes'    => '60',
	'woocommerce_coming_soon'           => 'no',
);
foreach ( $kasse_options as $kasse_name => $kasse_value ) {
	update_option( $kasse_name, $kasse_value );
}

$kasse_settings = array(
	'enabled' => 'yes',
	'title'   => 'Vipps',
	'url'     => getenv( 'KASSE_URL' ),
	'shop'    => getenv( 'KASSE_SHOP' ),
	'secret'  => getenv( 'KASSE_SECRET' ),
	'cart'    => 'yes',
	'product' => 'yes',
);
update_option( 'woocommerce_kasse_vipps_settings', $kasse_settings );

if ( wc_get_product_id_by_sku( 'KOPP-01' ) ) {
	echo "The articles are there already.\n";
	return;
}

// Norwegian VAT: 25 % on goods and deliveries, 15 % on food.
foreach ( array(
	''             => 25,
	'reduced-rate' => 15,
) as $kasse_class => $kasse_percent ) {
	WC_Tax::_insert_tax_rate(
		array(
			'tax_rate_country'  => 'NO',
			'tax_rate'          => (string) $kasse_percent,
			'tax_rate_name'     => "MVA $kasse_percent %",
			'tax_rate_priority' => 1,
			'tax_rate_shipping' => 25 === $kasse_percent ? 1 : 0,
			'tax_rate_class'    => $kasse_class,
		)
	);
}

// SKU, name, price with VAT, tax class, weight.
$kasse_articles = array(
	array( 'KOPP-01', 'Kaffekopp «Blåbær»', '79.90', '', '0.4' ),
	array( 'BAL-60', 'Bålpanne Ø60', '1249.00', '', '12.5' ),
	array( 'OST-500', 'Brunost 500 g', '89.00', 'reduced-rate', '0.5' ),
	array( 'LAMPE-1', 'Leselampe', '349.00', '', '1.2' ),
	array( 'OVN-1', 'Vedovn', '2490.00', '', '80' ),
);
foreach ( $kasse_articles as list( $kasse_sku, $kasse_name, $kasse_price, $kasse_class, $kasse_weight ) ) {
	$kasse_product = new WC_Product_Simple();
	$kasse_product->set_sku( $kasse_sku );
	$kasse_product->set_name( $kasse_name );
	$kasse_product->set_regular_price( $kasse_price );
	$kasse_product->set_tax_class( $kasse_class );
	$kasse_product->set_weight( $kasse_weight );
	$kasse_product->save();
}

$kasse_coupon = new WC_Coupon();
$kasse_coupon->set_code( 'sommer10' );
$kasse_coupon->set_discount_type( 'percent' );
$kasse_coupon->set_amount( 10 );
$kasse_coupon->save();

// Zones, by post code; deliveries by their cost without VAT. The first zone that fits is taken, and to
// Svalbard nothing is sent.
$kasse_zones = array(
	'Svalbard' => array( '9170...9179', array() ),
	'Oslo'     => array(
		'0001...1299',
		array(
			'Hentested'             => '39.20',
			'Ekspress hjem i kveld' => '79.20',
		),
	),
	'Norge'    => array(
		'',
		array(
			'Hentested'  => '79.20',
			'Pakke hjem' => '119.20',
		),
	),
);
foreach ( $kasse_zones as $kasse_name => list( $kasse_codes, $kasse_deliveries ) ) {
	$kasse_zone = new WC_Shipping_Zone();
	$kasse_zone->set_zone_name( $kasse_name );
	$kasse_zone->add_location( 'NO', 'country' );
	if ( '' !== $kasse_codes ) {
		$kasse_zone->add_location( $kasse_codes, 'postcode' );
	}
	$kasse_zone->save();
	foreach ( $kasse_deliveries as $kasse_title => $kasse_cost ) {
		$kasse_rate = $kasse_zone->add_shipping_method( 'flat_rate' );
		update_option(
			"woocommerce_flat_rate_{$kasse_rate}_settings",
			array(
				'title'      => $kasse_title,
				'tax_status' => 'taxable',
				'cost'       => $kasse_cost,
			)
		);
	}
}

// A key of the REST API, as the settings make one. Its secret is shown this once.
global $wpdb;
$kasse_key    = 'ck_' . wc_rand_hash();
$kasse_secret = 'cs_' . wc_rand_hash();
$wpdb->insert( // phpcs:ignore WordPress.DB.DirectDatabaseQuery -- WooCommerce has no function for it.
	$wpdb->prefix . 'woocommerce_api_keys',
	array(
		'user_id'         => 1,
		'description'     => 'kasse',
		'permissions'     => 'read_write',
		'consumer_key'    => wc_api_hash( $kasse_key ),
		'consumer_secret' => $kasse_secret,
		'truncated_key'   => substr( $kasse_key, -7 ),
	)
);
echo "KASSE_WOOCOMMERCE_KEY=$kasse_key\nKASSE_WOOCOMMERCE_CONSUMER_SECRET=$kasse_secret\n"; // phpcs:ignore WordPress.Security.EscapeOutput -- It goes to a terminal.

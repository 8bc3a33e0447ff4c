<?php
/**
 * The plugin's own tests: `php tests/run.php`. WordPress and WooCommerce are played by `fakes.php`.
 *
 * @package kasse
 */

error_reporting( E_ALL );
set_error_handler(
	static function ( $level, $message, $file, $line ) {
		throw new ErrorException( $message, 0, $level, $file, $line );
	}
);

require __DIR__ . '/fakes.php';

$kasse_tests = array();

/** One test: what holds, and how it is seen. */
function test( string $what, callable $how ) {
	global $kasse_tests;
	$kasse_tests[ $what ] = $how;
}

/** The same value, of the same type. */
function same( $expected, $got, string $of = '' ) {
	if ( $expected !== $got ) {
		$show = static function ( $value ) {
			return json_encode( $value, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES );
		};
		throw new Exception( trim( "$of\n    expected " . $show( $expected ) . "\n    got      " . $show( $got ) ) );
	}
}

/** It is so. */
function holds( bool $so, string $what ) {
	if ( ! $so ) {
		throw new Exception( "does not hold: $what" );
	}
}

/** What shop and kasse say to each other, as both have agreed. */
function contract( string $name ): array {
	$read = file_get_contents( __DIR__ . "/../../tests/contract/$name.json" );
	return json_decode( $read, true, 64, JSON_THROW_ON_ERROR );
}

foreach ( glob( __DIR__ . '/test-*.php' ) as $file ) {
	require $file;
}

$failed = 0;
foreach ( $kasse_tests as $what => $how ) {
	Fake::reset();
	try {
		$how();
		echo "ok    $what\n";
	} catch ( Throwable $problem ) {
		++$failed;
		echo "FAIL  $what\n  " . get_class( $problem ) . ': ' . $problem->getMessage() . "\n    at " . $problem->getFile() . ':' . $problem->getLine() . "\n";
	}
}
echo count( $kasse_tests ) . " tests, $failed failed\n";
exit( $failed || ! $kasse_tests ? 1 : 0 );

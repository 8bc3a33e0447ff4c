<?php
/**
 * What people read, in their language.
 *
 * @package kasse
 */

/** The sentences of the sources. */
function sentences(): array {
	$found = array();
	foreach ( array_merge( glob( dirname( __DIR__ ) . '/includes/*.php' ), array( dirname( __DIR__ ) . '/kasse.php' ) ) as $file ) {
		preg_match_all( "/(?:\b|_)(?:__|esc_html__|esc_html_e)\( '((?:[^'\\\\]|\\\\.)*)', 'kasse' \)/", file_get_contents( $file ), $matches );
		$found = array_merge( $found, $matches[1] );
	}
	return array_values( array_unique( array_map( 'stripslashes', $found ) ) );
}

/** A .po file: the sentence, and its translation. */
function po( string $file ): array {
	preg_match_all( '/^msgid "(.*)"\nmsgstr "(.*)"$/m', file_get_contents( $file ), $matches );
	$all = array_combine( array_map( 'stripcslashes', $matches[1] ), array_map( 'stripcslashes', $matches[2] ) );
	unset( $all[''] );
	return $all;
}

/** A .mo file, as WordPress reads it. */
function mo( string $file ): array {
	$bytes = file_get_contents( $file );
	$head  = unpack( 'Vmagic/Vrevision/Vcount/Voriginals/Vtranslations', $bytes );
	same( 0x950412de, $head['magic'], $file );
	$text = static function ( int $table, int $n ) use ( $bytes ) {
		$at = unpack( 'Vlength/Voffset', substr( $bytes, $table + 8 * $n, 8 ) );
		return substr( $bytes, $at['offset'], $at['length'] );
	};
	$all  = array();
	for ( $n = 0; $n < $head['count']; $n++ ) {
		$all[ $text( $head['originals'], $n ) ] = $text( $head['translations'], $n );
	}
	unset( $all[''] );
	return $all;
}

foreach ( array( 'nb_NO', 'da_DK', 'fi', 'sv_SE' ) as $locale ) {
	test(
		"every sentence is there in $locale, with the same gaps; and what WordPress reads is what is written",
		static function () use ( $locale ) {
			$file       = dirname( __DIR__ ) . "/languages/kasse-$locale";
			$translated = po( "$file.po" );
			$sentences  = sentences();
			holds( count( $sentences ) > 30, count( $sentences ) . ' sentences were found' );
			$ids = array_keys( $translated );
			sort( $ids );
			sort( $sentences );
			same( $sentences, $ids );
			foreach ( $translated as $sentence => $translation ) {
				holds( '' !== $translation, "a translation of: $sentence" );
				preg_match_all( '/%(?:\d\$)?[sd]/', $sentence, $gaps );
				preg_match_all( '/%(?:\d\$)?[sd]/', $translation, $given );
				sort( $gaps[0] );
				sort( $given[0] );
				same( $gaps[0], $given[0], $sentence );
			}
			ksort( $translated );
			$read = mo( "$file.mo" );
			ksort( $read );
			same( $translated, $read, 'run msgfmt' );
		}
	);
}

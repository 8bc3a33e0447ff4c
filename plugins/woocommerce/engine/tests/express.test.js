'use strict';

const assert = require( 'node:assert/strict' );
const { readFileSync } = require( 'node:fs' );
const { join } = require( 'node:path' );
const { test } = require( 'node:test' );

const { start, chosen, pressed } = require( '../assets/express.js' );

const contract = ( name ) =>
	JSON.parse( readFileSync( join( __dirname, '../../tests/contract', `${ name }.json` ) ) );
const express = contract( 'storefront-express' );
const root = 'https://shop.example/wp-json/wc/store/v1/';
const vipps = express.response.body.extensions.kasse.redirect;

/** A Store API that gives a new nonce with each answer, and takes no other. */
function store( { refused } = {} ) {
	const calls = [];
	let nonce = 'page';
	const fetch = async ( url, { method, headers, body, credentials } ) => {
		assert.equal( credentials, 'same-origin' );
		if ( method === 'POST' ) {
			assert.equal( headers.Nonce, nonce );
		}
		const path = url.slice( root.length );
		calls.push( [ method, path, body && JSON.parse( body ) ] );
		nonce = `nonce-${ calls.length }`;
		const exchange = refused && path === 'cart/extensions' ? refused : express;
		return {
			ok: exchange.response.status === 200,
			headers: new Headers( { Nonce: nonce } ),
			json: async () => exchange.response.body,
		};
	};
	return { calls, fetch };
}

test( 'the cart is begun as the contract says, with a nonce that is asked for', async () => {
	const { calls, fetch } = store();
	assert.equal( await start( { root, fetch } ), vipps );
	assert.deepEqual( calls, [
		[ 'GET', 'cart', undefined ],
		[ 'POST', 'cart/extensions', express.request.body ],
	] );
	assert.ok( express.request.path.endsWith( '/wc/store/v1/cart/extensions' ) );
} );

test( 'a product is put into the cart first', async () => {
	const { calls, fetch } = store();
	const item = { id: 7, quantity: 2, variation: [] };
	await start( { root, fetch, item } );
	assert.deepEqual( calls[ 1 ], [ 'POST', 'cart/add-item', item ] );
	assert.equal( calls.length, 3 );
} );

test( 'what the shop refuses is told in its own words', async () => {
	const refused = contract( 'storefront-express-refused' );
	const { fetch } = store( { refused } );
	await assert.rejects( start( { root, fetch } ), { message: refused.response.body.message } );
} );

test( 'the form says which product, how many, in which variation', () => {
	assert.deepEqual( chosen( [ [ 'quantity', '3' ] ], 7 ), { id: 7, quantity: 3, variation: [] } );
	assert.deepEqual(
		chosen(
			[
				[ 'quantity', '1' ],
				[ 'variation_id', '9' ],
				[ 'attribute_pa_color', 'blue' ],
			],
			7
		),
		{ id: 9, quantity: 1, variation: [ { attribute: 'attribute_pa_color', value: 'blue' } ] }
	);
	for ( const none of [ '', '0' ] ) {
		assert.equal( chosen( [ [ 'variation_id', none ] ], 7 ), undefined );
	}
} );

/** A page with one button. */
function page( { product = 0, fields, ...shop } = {} ) {
	const { calls, fetch } = store( shop );
	const message = { textContent: 'old' };
	const form = fields && { fields };
	const button = {
		disabled: false,
		dataset: { product: String( product ) },
		nextElementSibling: message,
		closest: ( selector ) => ( selector === 'form' ? form : button ),
	};
	const went = [];
	return {
		button,
		calls,
		message,
		went,
		press: () =>
			pressed( { target: button }, { root, wrong: 'Try again.' }, {
				fetch,
				FormData: class extends Map {
					constructor( { fields: entries } ) {
						super( entries );
					}
				},
				DOMParser: class {
					parseFromString( html ) {
						return { body: { textContent: html.replace( '&amp;', '&' ) } };
					}
				},
				location: { assign: ( url ) => went.push( url ) },
				wc_add_to_cart_variation_params: { i18n_make_a_selection_text: 'Choose first.' },
			} ),
	};
}

test( 'a click on the button leads to Vipps, and a second one does nothing meanwhile', async () => {
	const shown = page();
	await Promise.all( [ shown.press(), shown.press() ] );
	assert.deepEqual( shown.went, [ vipps ] );
	assert.equal( shown.button.disabled, true );
	assert.equal( shown.message.textContent, '' );
} );

test( 'a click elsewhere is none of ours', async () => {
	const went = [];
	await pressed( { target: { closest: () => null } }, {}, { location: { assign: went.push } } );
	assert.deepEqual( went, [] );
} );

test( 'a variation has to be chosen first: the page says so', async () => {
	const shown = page( { product: 7, fields: [ [ 'variation_id', '0' ] ] } );
	await shown.press();
	assert.equal( shown.message.textContent, 'Choose first.' );
	assert.deepEqual( shown.calls, [] );
	assert.equal( shown.button.disabled, false );
} );

test( 'a product without a form is bought once', async () => {
	const shown = page( { product: 7 } );
	await shown.press();
	assert.deepEqual( shown.calls[ 1 ][ 2 ], { id: 7, quantity: 1, variation: [] } );
} );

test( 'why it cannot begin is read below the button, which can be pressed again', async () => {
	const refused = contract( 'storefront-express-refused' );
	const shown = page( { refused } );
	await shown.press();
	assert.equal( shown.message.textContent, refused.response.body.message );
	assert.equal( shown.button.disabled, false );
	const escaped = page( { refused: { response: { status: 400, body: { message: 'Lamp &amp; shade' } } } } );
	await escaped.press();
	assert.equal( escaped.message.textContent, 'Lamp & shade' );
	const silent = page( { refused: { response: { status: 500, body: {} } } } );
	await silent.press();
	assert.equal( silent.message.textContent, 'Try again.' );
} );

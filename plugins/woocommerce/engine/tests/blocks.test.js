'use strict';

const assert = require( 'node:assert/strict' );
const { readFileSync } = require( 'node:fs' );
const { join } = require( 'node:path' );
const { test } = require( 'node:test' );
const vm = require( 'node:vm' );

const source = readFileSync( join( __dirname, '../assets/blocks.js' ), 'utf8' );

/** Runs the script on a page of blocks. */
function blocks( { settings = {}, start } = {} ) {
	const methods = [];
	const express = [];
	const went = [];
	const states = [];
	const page = {
		wc: {
			wcBlocksRegistry: {
				registerPaymentMethod: ( method ) => methods.push( method ),
				registerExpressPaymentMethod: ( method ) => express.push( method ),
			},
			wcSettings: {
				getSetting: ( name ) => {
					assert.equal( name, 'kasse_vipps_data' );
					return {
						title: 'Vipps',
						description: 'Betal &amp; ferdig',
						button: 'Kjøp nå med Vipps',
						express: true,
						supports: [ 'products' ],
						...settings,
					};
				},
			},
		},
		wp: {
			element: {
				createElement: ( type, props, ...children ) => ( { type, props, children } ),
				useState: ( first ) => [ first, ( next ) => states.push( next ) ],
			},
			htmlEntities: { decodeEntities: ( text ) => text.replace( '&amp;', '&' ) },
		},
		kasseExpress: { start },
		kasseSettings: { root: 'https://shop.example/wp-json/wc/store/v1/' },
		fetch: () => {},
		location: { assign: ( url ) => went.push( url ) },
	};
	vm.runInNewContext( source, page );
	return { methods, express, went, states };
}

test( 'the checkout block gets the payment method, as it is called in the settings', () => {
	const { methods } = blocks();
	const [ method ] = methods;
	assert.equal( methods.length, 1 );
	assert.equal( method.name, 'kasse_vipps' );
	assert.equal( method.ariaLabel, 'Vipps' );
	assert.equal( method.canMakePayment(), true );
	assert.equal( method.content.type(), 'Betal & ferdig' );
	const label = method.label.type( { components: { PaymentMethodLabel: 'label' } } );
	assert.equal( label.props.text, 'Vipps' );
	assert.deepEqual( [ ...method.supports.features ], [ 'products' ] );
} );

test( 'express is offered where it is wanted, for carts that are delivered', () => {
	assert.equal( blocks( { settings: { express: false } } ).express.length, 0 );
	const [ method ] = blocks().express;
	assert.equal( method.paymentMethodId, 'kasse_vipps' );
	assert.equal( method.canMakePayment( { cartNeedsShipping: true } ), true );
	assert.equal( method.canMakePayment( { cartNeedsShipping: false } ), false );
} );

test( 'the express button leads to Vipps', async () => {
	const shown = blocks( {
		start: async ( { root } ) => {
			assert.equal( root, 'https://shop.example/wp-json/wc/store/v1/' );
			return 'https://vipps.example/pay';
		},
	} );
	let clicked = 0;
	const button = shown.express[ 0 ].content.type( {
		onClick: () => clicked++,
		buttonAttributes: { height: '40', borderRadius: '8' },
	} );
	assert.deepEqual( button.children, [ 'Kjøp nå med Vipps' ] );
	assert.equal( button.props.style.minHeight, '40px' );
	await button.props.onClick();
	assert.deepEqual( shown.went, [ 'https://vipps.example/pay' ] );
	assert.equal( clicked, 1 );
	assert.deepEqual( shown.states, [ true ] );
} );

test( 'why express cannot begin is told to the block, and the button can be pressed again', async () => {
	const shown = blocks( {
		start: async () => {
			throw new Error( 'There is nothing in the cart.' );
		},
	} );
	const told = [];
	const button = shown.express[ 0 ].content.type( {
		onClick: () => {},
		onClose: () => told.push( 'closed' ),
		onError: ( message ) => told.push( message ),
	} );
	await button.props.onClick();
	assert.deepEqual( told, [ 'There is nothing in the cart.', 'closed' ] );
	assert.deepEqual( shown.states, [ true, false ] );
	assert.deepEqual( shown.went, [] );
} );

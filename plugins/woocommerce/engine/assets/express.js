/**
 * The express button: what is chosen goes into the cart, the cart becomes an order, the shopper goes
 * to Vipps. WooCommerce's own Store API does it, with the shopper's session.
 */
( function ( root, make ) {
	const kasse = make();
	if ( typeof module === 'object' && module.exports ) {
		module.exports = kasse;
		return;
	}
	root.kasseExpress = kasse;
	root.document.addEventListener( 'click', ( event ) =>
		kasse.pressed( event, root.kasseSettings, root )
	);
} )( globalThis, function () {
	/** Asks the Store API. A page may come from a cache: the nonce is asked for, not taken from it. */
	function storeApi( base, fetch ) {
		let nonce = '';
		async function ask( path, body ) {
			const response = await fetch( base + path, {
				method: body ? 'POST' : 'GET',
				credentials: 'same-origin',
				headers: body
					? { 'Content-Type': 'application/json', Nonce: nonce }
					: {},
				body: body && JSON.stringify( body ),
			} );
			nonce = response.headers.get( 'Nonce' ) || nonce;
			const answer = await response.json();
			if ( ! response.ok ) {
				throw new Error( answer.message );
			}
			return answer;
		}
		return ask;
	}

	/** Begins, and says where the shopper pays. */
	async function start( { root, item, fetch } ) {
		const ask = storeApi( root, fetch );
		await ask( 'cart' );
		if ( item ) {
			await ask( 'cart/add-item', item );
		}
		const cart = await ask( 'cart/extensions', {
			namespace: 'kasse',
			data: { express: true },
		} );
		return cart.extensions.kasse.redirect;
	}

	/** What the product's form says: which, how many, in which variation. Nothing while it is not chosen. */
	function chosen( form, product ) {
		const fields = new Map( form );
		const variation = Number( fields.get( 'variation_id' ) || 0 );
		if ( fields.has( 'variation_id' ) && ! variation ) {
			return undefined;
		}
		const attributes = [ ...fields ]
			.filter( ( [ name ] ) => name.startsWith( 'attribute_' ) )
			.map( ( [ attribute, value ] ) => ( { attribute, value } ) );
		return {
			id: variation || product,
			quantity: Number( fields.get( 'quantity' ) || 1 ),
			variation: attributes,
		};
	}

	/** The Store API's words are made for pages: as text, they have no entities. */
	function plain( html, page ) {
		return new page.DOMParser().parseFromString( html || '', 'text/html' ).body.textContent;
	}

	/** A click, anywhere on the page. */
	async function pressed( event, settings, page ) {
		const button = event.target.closest( '.kasse-express' );
		if ( ! button || button.disabled ) {
			return;
		}
		const product = Number( button.dataset.product );
		const form = product && button.closest( 'form' );
		const item = form
			? chosen( new page.FormData( form ), product )
			: product && { id: product, quantity: 1, variation: [] };
		const message = button.nextElementSibling;
		if ( item === undefined ) {
			// WooCommerce's own words, in the shopper's language.
			message.textContent =
				page.wc_add_to_cart_variation_params?.i18n_make_a_selection_text ?? '';
			return;
		}
		button.disabled = true;
		message.textContent = '';
		try {
			page.location.assign(
				await start( { root: settings.root, item, fetch: page.fetch.bind( page ) } )
			);
		} catch ( error ) {
			message.textContent = plain( error.message, page ) || settings.wrong;
			button.disabled = false;
		}
	}

	return { start, chosen, pressed };
} );

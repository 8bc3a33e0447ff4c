/**
 * Vipps at the cart block and the checkout block.
 */
( function ( { registry, settings, element, text, express, root, page } ) {
	const { createElement: make, useState } = element;
	const title = text( settings.title );

	const Description = () => text( settings.description || '' );
	const Label = ( { components } ) =>
		make( components.PaymentMethodLabel, { text: title } );

	registry.registerPaymentMethod( {
		name: 'kasse_vipps',
		label: make( Label ),
		ariaLabel: title,
		content: make( Description ),
		edit: make( Description ),
		canMakePayment: () => true,
		supports: { features: settings.supports },
	} );

	/** The express button. The blocks' own signs are shown while it works. */
	const Button = ( { onClick, onClose, onError, buttonAttributes: look } ) => {
		const [ busy, setBusy ] = useState( false );
		const press = async () => {
			setBusy( true );
			onClick();
			try {
				page.location.assign(
					await express.start( { root, fetch: page.fetch.bind( page ) } )
				);
			} catch ( error ) {
				onError( error.message );
				onClose();
				setBusy( false );
			}
		};
		return make(
			'button',
			{
				type: 'button',
				className: 'wp-element-button kasse-express-block',
				// The cart block leaves its buttons neither height nor letters.
				style: {
					width: '100%',
					fontSize: '1rem',
					lineHeight: 1.5,
					minHeight: `${ look?.height || 48 }px`,
					borderRadius: look && `${ look.borderRadius }px`,
				},
				disabled: busy,
				onClick: press,
			},
			settings.button
		);
	};

	if ( settings.express ) {
		registry.registerExpressPaymentMethod( {
			name: 'kasse_vipps_express',
			title,
			gatewayId: 'kasse_vipps',
			paymentMethodId: 'kasse_vipps',
			content: make( Button ),
			edit: make( 'button', { type: 'button', disabled: true }, settings.button ),
			// The delivery is chosen in the app: there has to be one.
			canMakePayment: ( { cartNeedsShipping } ) => cartNeedsShipping,
			supports: { features: settings.supports },
		} );
	}
} )( {
	registry: globalThis.wc.wcBlocksRegistry,
	settings: globalThis.wc.wcSettings.getSetting( 'kasse_vipps_data', {} ),
	element: globalThis.wp.element,
	text: globalThis.wp.htmlEntities.decodeEntities,
	express: globalThis.kasseExpress,
	root: globalThis.kasseSettings.root,
	page: globalThis,
} );

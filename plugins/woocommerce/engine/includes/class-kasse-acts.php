<?php
/**
 * What the shop's people do with money.
 *
 * @package kasse
 */

defined( 'ABSPATH' ) || exit;

/**
 * Completing an order captures, cancelling it releases, "Refund by Vipps" gives back. Where kasse
 * gave no answer it is asked the same again, until it is known.
 */
final class Kasse_Acts {

	const AGAIN = 'kasse_ask_again';
	/** The refund that was not answered yet: its key at kasse, and how much. */
	const REFUND = '_kasse_refund';
	/** When to ask again, in seconds after the last time. */
	const DELAYS = array( 60, 300, 900, 3600, 21600, 86400 );

	/**
	 * The refund that WooCommerce is making: the gateway is not told of it.
	 *
	 * @var WC_Order_Refund|null
	 */
	private static $refund = null;

	/**
	 * Listens to the orders.
	 */
	public static function register() {
		add_action( 'woocommerce_order_status_completed', array( __CLASS__, 'completed' ), 10, 2 );
		add_action( 'woocommerce_order_status_cancelled', array( __CLASS__, 'cancelled' ), 10, 2 );
		add_action( 'woocommerce_create_refund', array( __CLASS__, 'refund_begins' ) );
		add_action( self::AGAIN, array( __CLASS__, 'again' ), 10, 3 );
	}

	/**
	 * The order is on its way: the money is taken.
	 *
	 * @param int      $id    The order's.
	 * @param WC_Order $order The order.
	 */
	public static function completed( $id, $order ) {
		if ( Kasse_Order::is_ours( $order ) && ! Kasse_Echo::sets( 'completed' ) ) {
			self::act( 'capture', $order, 0 );
		}
	}

	/**
	 * Nothing is sent: the reservation is let go, and who is about to pay is stopped.
	 *
	 * @param int      $id    The order's.
	 * @param WC_Order $order The order.
	 */
	public static function cancelled( $id, $order ) {
		if ( Kasse_Order::is_ours( $order ) && ! Kasse_Echo::sets( 'cancelled' ) ) {
			self::act( 'cancel', $order, 0 );
		}
	}

	/**
	 * A refund is about to be written.
	 *
	 * @param WC_Order_Refund $refund The refund, without an id as yet.
	 */
	public static function refund_begins( $refund ) {
		self::$refund = $refund;
		if ( ! Kasse_Echo::is_writing() ) {
			return;
		}
		// Kasse writes a refund that the shop does not have: it may be the one whose answer was lost.
		$order = wc_get_order( $refund->get_parent_id() );
		$lost  = $order ? self::lost( $order ) : null;
		if ( $lost && Kasse_Order::amount( $refund->get_amount() ) === $lost['amount'] ) {
			self::forget( $order );
		}
	}

	/**
	 * Gives money back. WooCommerce has made its refund already, and removes it where this fails.
	 *
	 * @param WC_Order $order  The order.
	 * @param mixed    $amount How much.
	 * @return true|WP_Error
	 */
	public static function refund( WC_Order $order, $amount ) {
		$amount = Kasse_Order::amount( $amount );
		$refund = self::$refund;
		if ( ! $refund || ! $refund->get_id() || $refund->get_parent_id() !== $order->get_id() ) {
			return new WP_Error( 'kasse_refund', __( 'WooCommerce did not say which refund it is.', 'kasse' ) );
		}
		$lost = self::lost( $order );
		if ( $lost && $lost['amount'] !== $amount ) {
			/* translators: %s: an amount of money */
			$text = sprintf( __( 'A refund of %s has not been answered yet. Wait until it is known what became of it.', 'kasse' ), $lost['amount'] );
			return new WP_Error( 'kasse_refund', $text );
		}
		// The same refund, tried again, has the same key: it is not done twice.
		$key    = $lost ? $lost['refund'] : (string) $refund->get_id();
		$answer = Kasse_Client::ask( 'refund', self::question( $order ) + self::money( $order, $amount ) + array( 'refund' => $key ) );
		if ( $answer['done'] || $answer['refused'] ) {
			self::forget( $order );
			return $answer['done'] ? true : new WP_Error( 'kasse_refund', $answer['message'] );
		}
		if ( ! $lost ) {
			$order->update_meta_data(
				self::REFUND,
				array(
					'refund' => $key,
					'amount' => $amount,
				)
			);
			$order->save_meta_data();
			self::later( 'refund', $order->get_id(), 0 );
		}
		$text = __( 'It is asked again in the background. If the refund comes about, it is shown here by itself.', 'kasse' );
		return new WP_Error( 'kasse_refund', $answer['message'] . ' ' . $text );
	}

	/**
	 * Asks again what was not answered.
	 *
	 * @param string $verb  `capture`, `cancel` or `refund`.
	 * @param int    $id    The order's.
	 * @param int    $tries How often it was asked in vain.
	 */
	public static function again( $verb, $id, $tries ) {
		$order = wc_get_order( $id );
		if ( ! Kasse_Order::is_ours( $order ) ) {
			return;
		}
		if ( 'refund' === $verb ) {
			self::refund_again( $order, (int) $tries );
		} elseif ( $order->has_status( 'capture' === $verb ? 'completed' : 'cancelled' ) ) {
			self::act( $verb, $order, (int) $tries );
		}
	}

	/**
	 * Captures or cancels, and tells the merchant on the order what came of it.
	 *
	 * @param string   $verb  `capture` or `cancel`.
	 * @param WC_Order $order The order.
	 * @param int      $tries How often it was asked in vain.
	 */
	private static function act( string $verb, WC_Order $order, int $tries ) {
		$keeps = $order->get_remaining_refund_amount();
		if ( '' === Kasse_Order::reference( $order ) || ( 'capture' === $verb && $keeps <= 0 ) ) {
			return;
		}
		// Sums, not steps: to ask twice is the same as to ask once.
		$money  = 'capture' === $verb ? self::money( $order, Kasse_Order::amount( $keeps ) ) : array();
		$answer = Kasse_Client::ask( $verb, self::question( $order ) + $money );
		if ( $answer['done'] ) {
			/* translators: 1: an amount of money 2: its currency */
			$captured = __( 'Captured at Vipps: %1$s %2$s.', 'kasse' );
			$text     = $money ? sprintf( $captured, $money['amount'], $money['currency'] ) : __( 'Cancelled at Vipps.', 'kasse' );
		} else {
			$what = 'capture' === $verb ? __( 'The payment is not captured.', 'kasse' ) : __( 'The payment is not cancelled.', 'kasse' );
			$text = $what . ' ' . $answer['message'] . ' ' . ( $answer['refused'] ? '' : self::later( $verb, $order->get_id(), $tries ) );
		}
		$order->add_order_note( trim( $text ) );
	}

	/**
	 * Asks for the refund whose answer was lost.
	 *
	 * @param WC_Order $order The order.
	 * @param int      $tries How often it was asked in vain.
	 */
	private static function refund_again( WC_Order $order, int $tries ) {
		$lost = self::lost( $order );
		if ( ! $lost ) {
			return;
		}
		$question = self::question( $order ) + self::money( $order, $lost['amount'] ) + array( 'refund' => $lost['refund'] );
		$answer   = Kasse_Client::ask( 'refund', $question );
		// Meanwhile kasse may have written the refund itself.
		$order = wc_get_order( $order->get_id() );
		if ( ! $order || ! self::lost( $order ) ) {
			return;
		}
		if ( $answer['done'] && empty( $lost['done'] ) ) {
			// Kasse is about to write it, or has looked while it was still there. A minute tells.
			$order->update_meta_data( self::REFUND, array( 'done' => true ) + $lost );
			$order->save_meta_data();
			as_schedule_single_action( time() + self::DELAYS[0], self::AGAIN, array( 'refund', $order->get_id(), $tries ), 'kasse' );
			return;
		}
		if ( $answer['done'] ) {
			self::forget( $order );
			wc_create_refund(
				array(
					'order_id' => $order->get_id(),
					'amount'   => $lost['amount'],
					'reason'   => 'Vipps ' . $question['reference'],
				)
			);
			return;
		}
		/* translators: %s: an amount of money */
		$text = sprintf( __( 'The refund of %s is not done.', 'kasse' ), $lost['amount'] ) . ' ' . $answer['message'];
		if ( $answer['refused'] ) {
			self::forget( $order );
		} else {
			$text .= ' ' . self::later( 'refund', $order->get_id(), $tries );
			if ( ! isset( self::DELAYS[ $tries ] ) ) {
				self::forget( $order );
			}
		}
		$order->add_order_note( trim( $text ) );
	}

	/**
	 * Sees to it that kasse is asked again, and says so.
	 *
	 * @param string $verb  `capture`, `cancel` or `refund`.
	 * @param int    $id    The order's.
	 * @param int    $tries How often it was asked in vain before.
	 */
	private static function later( string $verb, int $id, int $tries ): string {
		if ( ! isset( self::DELAYS[ $tries ] ) ) {
			return __( 'It is not tried again: look at the payment in kasse.', 'kasse' );
		}
		as_schedule_single_action( time() + self::DELAYS[ $tries ], self::AGAIN, array( $verb, $id, $tries + 1 ), 'kasse' );
		return __( 'It is tried again by itself.', 'kasse' );
	}

	/**
	 * The refund that was not answered yet.
	 *
	 * @param WC_Order $order The order.
	 * @return array{refund: string, amount: string, done?: bool}|null
	 */
	private static function lost( WC_Order $order ) {
		$lost = $order->get_meta( self::REFUND );
		return is_array( $lost ) && isset( $lost['refund'], $lost['amount'] ) ? $lost : null;
	}

	/**
	 * It is known what became of it.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function forget( WC_Order $order ) {
		if ( self::lost( $order ) ) {
			$order->delete_meta_data( self::REFUND );
			$order->save_meta_data();
		}
	}

	/**
	 * What each question says.
	 *
	 * @param WC_Order $order The order.
	 */
	private static function question( WC_Order $order ): array {
		return array(
			'order'     => (string) $order->get_id(),
			'reference' => Kasse_Order::reference( $order ),
		);
	}

	/**
	 * How much, of what.
	 *
	 * @param WC_Order $order  The order.
	 * @param string   $amount With two decimals.
	 */
	private static function money( WC_Order $order, string $amount ): array {
		return array(
			'amount'   => $amount,
			'currency' => $order->get_currency(),
		);
	}
}

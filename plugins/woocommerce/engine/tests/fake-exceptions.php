<?php
/**
 * What the Store API throws.
 *
 * @package kasse
 */

namespace Automattic\WooCommerce\StoreApi\Exceptions;

class RouteException extends \Exception {
	public $error;
	public function __construct( $error, $message, $status ) {
		$this->error = $error;
		parent::__construct( $message, $status );
	}
}

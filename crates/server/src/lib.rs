//! The HTTP service around kasse's flow: what Vipps, the engines and customers' browsers call; the
//! JSON API for shop software; the sweep; the configuration; and a door of its own for the command
//! line.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use kasse_server::{Config, Service, config};
//!
//! let file = std::path::Path::new("kasse.toml");
//! let config = Config::load(Some(file), config::environment(), &Default::default())?;
//! let service = Service::start(config).await?;
//! println!("listening on {}", service.addr());
//! service.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod admin;
pub mod config;
mod descriptors;
pub mod doctor;
mod folder;
mod gate;
mod hasty;
mod http;
mod journal;
mod lateness;
mod listen;
mod load;
pub mod logs;
mod meeting;
mod metrics;
mod places;
mod problem;
mod reach;
mod registering;
mod service;
mod shed;
mod shops;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "otel")]
mod traces;
pub mod v1;

pub use config::{Config, ConfigError, Problem, Severity, check};
pub use descriptors::raise_open_files;
pub use service::{Parts, Service, StartError};

//! The socks shop, in axum, on http://127.0.0.1:3000.

use kasse_examples::{in_axum, open_for_the_simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let till = open_for_the_simulator()?;
    let sweeper = till.clone();
    tokio::spawn(async move { sweeper.sweep().await });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("the shop is open at http://127.0.0.1:3000");
    axum::serve(listener, in_axum::router(till)).await?;
    Ok(())
}

//! `kasse simulate`: Vipps on localhost, alone, for any integration in any language.

use std::net::SocketAddr;

use clap::Args;
use kasse_simulator::{Country, Options, Resolve, SalesUnit, Simulator};
use secrecy::ExposeSecret;

use crate::output::say;
use crate::{Failed, stop};

/// What `kasse simulate` is told.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Connect calls to a host elsewhere: shop.example=127.0.0.1:8080, or * for every host.
    /// URLs are checked as Vipps does, whatever is said here
    #[arg(long, value_name = "HOST=ADDRESS:PORT")]
    resolve: Vec<Resolve>,

    /// A sales unit with its keys, instead of the well-known test unit; in Norway, if DK or FI does
    /// not follow. May be repeated
    #[arg(long, value_name = "MSN,CLIENT_ID,CLIENT_SECRET,KEY[,COUNTRY]")]
    unit: Vec<String>,
}

/// Runs the simulator until it is told to stop.
pub(crate) async fn run(simulate: Simulate) -> Result<(), Failed> {
    let mut options = Options {
        listen: simulate.listen,
        resolve: simulate.resolve,
        ..Options::default()
    };
    let given = !simulate.unit.is_empty();
    if given {
        // Read here: a parser of arguments would quote what it cannot read, with the secret.
        let units = simulate.unit.iter().map(|text| unit(text)).collect();
        options.units =
            Result::map_err(units, |why: String| Failed::usage(format!("--unit: {why}")))?;
    }
    let mut stop = stop::signal()?;
    let simulator = Simulator::start(options)
        .await
        .map_err(|error| Failed::because(error.to_string()))?;
    say(introduction(&simulator.url(), given));
    stop.wait().await;
    simulator.stop().await;
    Ok(())
}

/// What a person needs to begin: address, keys, controls.
fn introduction(url: &str, own_units: bool) -> String {
    let unit = SalesUnit::default();
    let keys = if own_units {
        "Sales units: those given by --unit.\n".to_owned()
    } else {
        // These keys are the published test unit's and open nothing but the simulator.
        format!(
            "The test unit's keys:\n  \
             Merchant-Serial-Number     {}\n  \
             client_id                  {}\n  \
             client_secret              {}\n  \
             Ocp-Apim-Subscription-Key  {}\n",
            unit.msn,
            unit.client_id,
            unit.client_secret.expose_secret(),
            unit.subscription_key.expose_secret(),
        )
    };
    format!(
        "Vipps' payment APIs, simulated: {url}\n\n{keys}\n\
         To begin:\n  \
         POST {url}/accesstoken/get\n  \
         POST {url}/epayment/v1/payments, or {url}/ecomm/v2/payments\n  \
         POST {url}/webhooks/v1/webhooks, so that ePayment tells of what happens\n\n\
         Controls:\n  \
         GET  {url}/__simulator/payments                            all payments, whole\n  \
         POST {url}/__simulator/payments/MSN/ORDERID/approve        as the customer; also reject, decline, shipping\n  \
         POST {url}/__simulator/payments/MSN/ORDERID/portal/capture as the merchant in Vipps' portal; also refund, cancel\n  \
         POST {url}/__simulator/clock   {{\"advanceSeconds\": 660}}     moves its clock\n  \
         POST {url}/__simulator/faults  {{\"on\", \"kind\", \"times\"}}     makes something go wrong\n  \
         GET  {url}/__simulator/webhooks                            what is registered, and what came of each webhook\n  \
         GET  {url}/__simulator/exchanges                           every call, in and out\n\n\
         Ctrl-C stops it."
    )
}

fn unit(text: &str) -> Result<SalesUnit, String> {
    // A secret may hold anything but a comma.
    let wrong = || {
        "write it as MSN,CLIENT_ID,CLIENT_SECRET,KEY: four parts, none empty; NO, DK or FI may follow"
            .to_owned()
    };
    let parts: Vec<&str> = text.split(',').collect();
    let [msn, client_id, client_secret, key, country @ ..] = parts.as_slice() else {
        return Err(wrong());
    };
    let country = match country {
        [] | ["NO"] => Country::No,
        ["DK"] => Country::Dk,
        ["FI"] => Country::Fi,
        _ => return Err(wrong()),
    };
    if parts.iter().any(|part| part.is_empty()) {
        return Err(wrong());
    }
    Ok(SalesUnit {
        msn: (*msn).to_owned(),
        client_id: (*client_id).to_owned(),
        client_secret: (*client_secret).into(),
        subscription_key: (*key).into(),
        country,
        ..SalesUnit::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_four_parts_and_may_have_a_country() {
        let norwegian = unit("012345,id,s=e+c/r,key").unwrap();
        assert_eq!(norwegian.msn, "012345");
        assert_eq!(norwegian.country, Country::No);
        let finnish = unit("012345,id,s=e+c/r,key,FI").unwrap();
        assert_eq!(finnish.country, Country::Fi);
        for text in [
            "",
            "123456",
            "123456,id,secret",
            "123456,id,,key",
            "1,2,3,4,5",
            "1,2,3,4,fi",
            "1,2,3,4,SE",
            "1,2,3,4,DK,FI",
        ] {
            assert!(unit(text).is_err(), "{text}");
        }
    }
}

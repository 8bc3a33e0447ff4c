//! Killed at every write of the journal, and started again: one reservation, the same sums.
//!
//! A write of the journal is durable when its `fsync` has returned. A small library, loaded before
//! all others, stands in for `fsync` and `fdatasync` and kills the process, as `kill -9` would,
//! before or after the n-th one on the journal's files. The binary is the one that people run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use kasse_simulator::PaymentState;
use serde_json::json;

use crate::support::{MSN, Stage, waits, workspace};

/// The library that kills, built once.
fn shim() -> &'static PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let out = std::env::temp_dir().join(format!("kasse-syncshim-{}.so", std::process::id()));
        let built = Command::new("rustc")
            .args([
                "--edition",
                "2024",
                "--crate-type",
                "cdylib",
                "-C",
                "opt-level=1",
                "-o",
            ])
            .arg(&out)
            .arg(workspace().join("tests/crash/syncshim.rs"))
            .output()
            .unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        out
    })
}

#[derive(Debug, Clone, Copy)]
enum Scene {
    Regular,
    Express,
    RejectedThenPaid,
    LostCapture,
}

impl Scene {
    async fn play(self, stage: &mut Stage) {
        match self {
            Self::Regular => regular(stage).await,
            Self::Express => express(stage).await,
            Self::RejectedThenPaid => rejected_then_paid(stage).await,
            Self::LostCapture => lost_capture(stage).await,
        }
        // Whatever else was begun has ended: nothing waits for a customer who has no address.
        let begun = stage.vipps().payments();
        let open = begun.iter().filter(|payment| waits(payment)).count();
        assert!(open <= 1, "{begun:#?}");
    }
}

/// The customer approves, whichever attempt is the one.
async fn approve(stage: &mut Stage, number: &str, option: bool) {
    for _ in 0..20 {
        let reference = stage.pay_or_paid(number).await;
        let Some(reference) = reference else { return };
        let mut approval = kasse_simulator::Approval::default();
        if option {
            stage.revive().await;
            let Ok(quote) = stage.vipps().shipping(MSN, &reference, None).await else {
                continue;
            };
            let Some(first) = quote.options.iter().find(|option| option.cost_ore == 4900) else {
                continue;
            };
            approval.shipping_method_id = Some(first.shipping_method_id.clone());
        }
        if stage
            .vipps()
            .approve(MSN, &reference, approval)
            .await
            .is_ok()
        {
            return;
        }
    }
    panic!("the order could not be approved: {}", stage.log());
}

async fn regular(stage: &mut Stage) {
    let number = stage.place(None).await;
    approve(stage, &number, false).await;
    stage
        .shows(&number, "reserved", ["1328.90", "0.00", "0.00", "0.00"])
        .await;
    stage
        .act(&number, "capture", Some("500.00"), "capture-1")
        .await;
    stage
        .shows(
            &number,
            "partly_captured",
            ["1328.90", "500.00", "0.00", "0.00"],
        )
        .await;
    stage.act(&number, "cancel", None, "cancel-1").await;
    stage
        .shows(&number, "captured", ["1328.90", "500.00", "0.00", "828.90"])
        .await;
    let [payment] = &stage.reserved()[..] else {
        panic!("{:#?}", stage.reserved())
    };
    assert_eq!((payment.captured, payment.released), (50_000, 82_890));
}

async fn express(stage: &mut Stage) {
    let number = stage.place(Some("dynamic")).await;
    approve(stage, &number, true).await;
    stage
        .shows(&number, "reserved", ["1377.90", "0.00", "0.00", "0.00"])
        .await;
    stage.act(&number, "capture", None, "capture-1").await;
    stage
        .shows(&number, "captured", ["1377.90", "1377.90", "0.00", "0.00"])
        .await;
    stage
        .act(&number, "refund", Some("377.90"), "refund-1")
        .await;
    stage
        .shows(
            &number,
            "partly_refunded",
            ["1377.90", "1377.90", "377.90", "0.00"],
        )
        .await;
    stage
        .act(&number, "refund", Some("1000.00"), "refund-2")
        .await;
    stage
        .shows(
            &number,
            "refunded",
            ["1377.90", "1377.90", "1377.90", "0.00"],
        )
        .await;
    let [payment] = &stage.reserved()[..] else {
        panic!("{:#?}", stage.reserved())
    };
    assert_eq!((payment.captured, payment.refunded), (137_790, 137_790));
}

async fn rejected_then_paid(stage: &mut Stage) {
    let number = stage.place(None).await;
    let reference = stage.pay(&number).await;
    let _ = stage.vipps().reject(MSN, &reference).await;
    stage
        .shows(&number, "rejected", ["0.00", "0.00", "0.00", "0.00"])
        .await;
    approve(stage, &number, false).await;
    stage
        .shows(&number, "reserved", ["1328.90", "0.00", "0.00", "0.00"])
        .await;
    assert_eq!(stage.reserved().len(), 1);
}

async fn lost_capture(stage: &mut Stage) {
    let number = stage.place(None).await;
    approve(stage, &number, false).await;
    stage
        .shows(&number, "reserved", ["1328.90", "0.00", "0.00", "0.00"])
        .await;
    let fault = json!({ "on": "capture", "kind": "lost_after_done" });
    stage
        .vipps()
        .add_fault(serde_json::from_value(fault).unwrap())
        .unwrap();
    stage.act(&number, "capture", None, "capture-1").await;
    stage
        .shows(&number, "captured", ["1328.90", "1328.90", "0.00", "0.00"])
        .await;
    let [payment] = &stage.reserved()[..] else {
        panic!("{:#?}", stage.reserved())
    };
    let captures = payment
        .history
        .iter()
        .filter(|entry| entry.operation == "CAPTURE")
        .count();
    assert_eq!((payment.captured, captures), (132_890, 1));
    assert_eq!(payment.state, PaymentState::Reserved);
}

/// Plays a scene with the server killed at its `at`-th write. Was it killed?
async fn killed_at(scene: Scene, at: usize, when: &str) -> bool {
    let mut stage = Stage::new(&format!("crash-{scene:?}-{at}-{when}")).await;
    stage.environment = [
        ("LD_PRELOAD", shim().display().to_string()),
        ("KASSE_KILL_AT", at.to_string()),
        ("KASSE_KILL_WHEN", when.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    stage.start().await;
    stage.revive().await;
    scene.play(&mut stage).await;
    let killed = stage.restarts > 0;
    stage.end().await;
    killed
}

/// Every write of a scene, until the scene ends before the write comes.
async fn killed_at_every_write(scene: Scene) {
    let at_once = Arc::new(tokio::sync::Semaphore::new(6));
    let mut killed = 0;
    // In rounds: a scene has so many writes as it has, and the last round finds none to be killed at.
    for round in 0_usize.. {
        let mut runs = tokio::task::JoinSet::new();
        for at in round * 6 + 1..=round * 6 + 6 {
            for when in ["before", "after"] {
                let at_once = at_once.clone();
                runs.spawn(async move {
                    let _permit = at_once.acquire_owned().await.unwrap();
                    killed_at(scene, at, when).await
                });
            }
        }
        let round_killed = runs
            .join_all()
            .await
            .into_iter()
            .filter(|killed| *killed)
            .count();
        killed += round_killed;
        if round_killed == 0 {
            break;
        }
    }
    println!("{scene:?}: {killed} runs were killed");
    assert!(killed >= 20, "{scene:?}: only {killed} runs were killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regular_order_survives_kill_9_at_every_write() {
    killed_at_every_write(Scene::Regular).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_express_order_survives_kill_9_at_every_write() {
    killed_at_every_write(Scene::Express).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_order_survives_kill_9_at_every_write() {
    killed_at_every_write(Scene::RejectedThenPaid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_capture_survives_kill_9_at_every_write() {
    killed_at_every_write(Scene::LostCapture).await;
}

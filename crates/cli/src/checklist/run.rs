//! A run of the checklist: what it is run on, its progress, its reports, and how it ends.

use std::io::{IsTerminal, Write};
use std::path::Path;

use kasse_core::checklist::report::{Report, text};
use kasse_core::checklist::{HostPlugin, Waivers, hosts, lists};
use kasse_testkit::{Checklist, Target};

use super::formats::Format;
use super::show;
use crate::Failed;
use crate::output::say;

/// Runs it. Blocks: to be called outside a runtime.
pub(super) fn run(told: super::Checklist) -> Result<(), Failed> {
    if told.out.is_none() && told.format.len() > 1 {
        return Err(Failed::usage("several reports need a folder: --out DIR"));
    }
    let waivers = waivers(told.waivers.as_deref())?;
    let checklist = on(&told)?
        .role(told.which.role)
        .only(told.only)
        .waivers(waivers);
    if let Some(id) = checklist.unknown().first() {
        return Err(Failed::usage(show::unknown(&told.which.lists()?, id)));
    }
    let colour = coloured(&std::io::stderr());
    let report = checklist.run(|check| {
        // Progress is for who watches; nobody may be there.
        let _ = writeln!(std::io::stderr(), "{}", text::progress(check, colour));
    });
    let colour = coloured(&std::io::stdout());
    match &told.out {
        None => {
            let format = told.format.first().copied().unwrap_or(Format::Text);
            say(format.write(&report, colour)?.trim_end());
        }
        Some(folder) => {
            say(text::summary(&report, colour));
            for format in &told.format {
                say(format!("written: {}", save(folder, *format, &report)?));
            }
        }
    }
    if report.passed() {
        Ok(())
    } else {
        Err(Failed::because(
            "the checklist is not passed: see the report",
        ))
    }
}

/// What it is run on.
fn on(told: &super::Checklist) -> Result<Checklist, Failed> {
    let lists = told.which.lists()?;
    let checklist = match (&told.plugin, &told.target, &told.simulator, &told.driver) {
        (Some(name), ..) => {
            let plugin = plugin(name)?;
            let host = (plugin.open)().map_err(|error| {
                Failed::because(format!("{error} What has to be there: {}.", plugin.prepare))
            })?;
            Checklist::of(host, lists)
        }
        (None, Some(kasse), Some(simulator), Some(driver)) => Checklist::on(
            Target {
                kasse: kasse.clone(),
                simulator: simulator.clone(),
                driver: driver.clone(),
            },
            lists,
        ),
        _ => {
            return Err(Failed::usage(
                "say on what: --plugin, or --target with --simulator and --driver",
            ));
        }
    };
    checklist.map_err(|error| Failed::because(error.to_string()))
}

fn plugin(name: &str) -> Result<&'static HostPlugin, Failed> {
    let all = hosts();
    let found = all.iter().find(|host| host.engine == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|host| host.engine).collect();
        let name: String = name.chars().take(60).collect();
        Failed::usage(format!(
            "the checklist cannot be run on \"{name}\"; there are: {}",
            names.join(", ")
        ))
    })
}

fn waivers(file: Option<&Path>) -> Result<Waivers, Failed> {
    let Some(file) = file else {
        return Ok(Waivers::none());
    };
    let wrong = |why: String| Failed::usage(format!("{}: {why}", file.display()));
    let written = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let lists = lists().map_err(|error| Failed::because(error.to_string()))?;
    Waivers::read(&written, &lists).map_err(|error| wrong(error.to_string()))
}

/// Writes a report into a folder. Returns where.
fn save(folder: &Path, format: Format, report: &Report) -> Result<String, Failed> {
    let file = folder.join(format.file());
    let written = format.write(report, false)?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, written))
        .map_err(|error| {
            Failed::because(format!(
                "the report cannot be written to {}: {error}",
                file.display()
            ))
        })?;
    Ok(file.display().to_string())
}

/// Colours are for terminals, and not where they are unwanted: <https://no-color.org>.
fn coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

//! The judge: the real docker CLI. What it sends for the plain line is what ours must send, in gVisor.

use serde_json::Value;

use docker_sandbox::sandbox::labels::{KEYS, OURS};

use crate::bench::{Bench, Outcome};
use crate::daemon::{OTHER_GVISOR, RUNSC, Request, SHIM};
use crate::line::Line;
use crate::ruled;

/// `docker run`'s exit code for a container that was not started.
const REFUSED: i32 = 125;
/// What our own help says, and nothing else.
const OUR_HELP: &str = "\nUsage: docker sandbox ";

/// How a case ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Both asked for the same container, ours in gVisor.
    Sandboxed,
    /// Docker refuses the line, and so do we.
    BothRefused,
    /// Docker takes the line, for a runtime that is not gVisor; we refuse.
    WeRefused,
    /// Docker takes the line, and a rule of ours forbids what the request really asks for.
    RuledOut,
    /// Both explained themselves and started nothing.
    Helped,
    /// Docker refuses the line for an option of ours, which this line cannot be rid of.
    OnlyOurs,
}

/// Runs both command lines and compares.
///
/// # Errors
/// What is wrong, for people, with both command lines.
pub(crate) fn judge(bench: &Bench, line: &Line) -> Result<Verdict, String> {
    judge_with(bench, line, |_, _| Ok(()))
}

/// Likewise, and what plain docker asks for, if it asks for a container, must please `also` too.
///
/// # Errors
/// What is wrong, for people, with both command lines.
pub(crate) fn judge_with(
    bench: &Bench,
    line: &Line,
    also: impl FnOnce(Verdict, &Value) -> Result<(), String>,
) -> Result<Verdict, String> {
    let plain = bench.plain(line);
    let ours = bench.sandboxed(line);
    let judged = compare(line, &plain, &ours).and_then(|verdict| {
        if let Some(create) = create(&plain)? {
            also(verdict, &parsed(create)?)?;
        }
        Ok(verdict)
    });
    judged.map_err(|problem| {
        let said =
            |outcome: &Outcome| String::from_utf8_lossy(&outcome.stderr).trim().replace('\n', "\n    ");
        format!(
            "{problem}\n\n{}\n\nplain exits {} and says:\n    {}\nsandbox exits {} and says:\n    {}\n",
            bench.show(line),
            plain.code,
            said(&plain),
            ours.code,
            said(&ours),
        )
    })
}

fn compare(line: &Line, plain: &Outcome, ours: &Outcome) -> Result<Verdict, String> {
    let Some(create) = create(plain)? else { return nothing_asked_for(line, plain, ours) };
    let asked = runtime(create)?;
    let expected = match asked.as_str() {
        "" => RUNSC,
        RUNSC | OTHER_GVISOR | SHIM => &asked,
        _ => return refused(ours).map(|()| Verdict::WeRefused),
    };
    // By design: Docker has no `--sandbox=maybe` to refuse.
    if line.may_be_refused() && ours.requests.is_empty() {
        return refused(ours).map(|()| Verdict::BothRefused);
    }
    if ours.requests.is_empty() {
        ruled::deserved(&String::from_utf8_lossy(&ours.stderr), &parsed(create)?)?;
        return refused(ours).map(|()| Verdict::RuledOut);
    }
    same_requests(&plain.requests, &ours.requests, expected)?;
    same(&plain.code, &ours.code, "exit code")?;
    same(&String::from_utf8_lossy(&plain.stdout), &String::from_utf8_lossy(&ours.stdout), "stdout")?;
    // By design: `--verbose` says on stderr which runtime is used, and rules warn there.
    if !line.is_verbose() {
        let said = String::from_utf8_lossy(&ours.stderr);
        same(&*String::from_utf8_lossy(&plain.stderr), ruled::without_warnings(&said), "stderr")?;
    }
    Ok(Verdict::Sandboxed)
}

/// Docker asked for no container: it refused the line, or was asked for its help.
fn nothing_asked_for(line: &Line, plain: &Outcome, ours: &Outcome) -> Result<Verdict, String> {
    let said = String::from_utf8_lossy(&plain.stderr);
    let ours_unknown =
        ["--verbose", "--sandbox", "--detect-timeout"].map(|flag| format!("unknown flag: {flag}\n"));
    // By design: our options are none of Docker's. Lines made of pieces go to Docker without them,
    // but in words at random nobody knows which ones they are. The runtime counts all the same.
    if line.at_random && ours_unknown.iter().any(|unknown| said.contains(unknown)) {
        for request in ours.requests.iter().filter(|request| request.is_create()) {
            let runtime = runtime(request)?;
            if ![RUNSC, OTHER_GVISOR, SHIM].contains(&runtime.as_str()) {
                return Err(format!("ours asked for the runtime `{runtime}`"));
            }
        }
        return Ok(Verdict::OnlyOurs);
    }
    if !ours.requests.is_empty() {
        return Err(format!("plain asked for no container, ours did: {}", summary(&ours.requests)));
    }
    match plain.code {
        0 if ours.code == 0 => Ok(Verdict::Helped),
        // By design: the help is ours, and so is the refusal of an option of ours beside it.
        0 if line.may_be_refused() && ours.code == REFUSED => Ok(Verdict::Helped),
        0 => Err("plain printed its help, ours did not".to_owned()),
        // By design: whoever asks for help gets it, whatever else Docker finds wrong with the line.
        _ if ours.code == 0 && String::from_utf8_lossy(&ours.stdout).contains(OUR_HELP) => {
            Ok(Verdict::Helped)
        }
        // By design: our own refusals are 125, where `docker create` and some of Docker's are 1.
        code if ours.code == code || ours.code == REFUSED => Ok(Verdict::BothRefused),
        _ => Err("plain refused, and ours ended otherwise".to_owned()),
    }
}

fn refused(ours: &Outcome) -> Result<(), String> {
    if !ours.requests.is_empty() {
        return Err(format!("ours had to refuse, and sent {}", summary(&ours.requests)));
    }
    same(&REFUSED, &ours.code, "exit code of a refusal")?;
    let said = String::from_utf8_lossy(&ours.stderr);
    if said.starts_with("docker sandbox: ") {
        Ok(())
    } else {
        Err("ours refused without saying so".to_owned())
    }
}

/// The request for a container; an error if there are several.
fn create(outcome: &Outcome) -> Result<Option<&Request>, String> {
    let mut all = outcome.requests.iter().filter(|request| request.is_create());
    match (all.next(), all.next()) {
        (first, None) => Ok(first),
        _ => Err(format!("several containers asked for: {}", summary(&outcome.requests))),
    }
}

fn runtime(create: &Request) -> Result<String, String> {
    Ok(take_runtime(&mut parsed(create)?))
}

/// `HostConfig.Runtime`, which is then gone; empty where there is none.
fn take_runtime(body: &mut Value) -> String {
    let runtime = body["HostConfig"].as_object_mut().and_then(|host_config| host_config.remove("Runtime"));
    runtime.map_or(String::new(), |runtime| runtime.as_str().map_or(runtime.to_string(), str::to_owned))
}

/// Takes our labels off the request, all of which must be there, and none other. What the user wrote in their
/// place, if anything, Docker never hears of.
fn take_labels(plain: &mut Value, ours: &mut Value) -> Result<(), String> {
    let user = rustix::process::getuid().as_raw().to_string();
    for key in KEYS {
        let missing = || format!("the label `{key}` is missing");
        let labels = ours["Labels"].as_object_mut().ok_or_else(missing)?;
        let value = labels.remove(key).ok_or_else(missing)?;
        let value = value.as_str().ok_or("a label is no text")?;
        let right = match key {
            OURS => value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "docker-sandbox.version" => value == env!("CARGO_PKG_VERSION"),
            "docker-sandbox.owner" => value == user,
            "docker-sandbox.expires" => value.is_empty() || value.ends_with('Z'),
            "docker-sandbox.spec" => value.is_empty(),
            _ => !value.is_empty(),
        };
        if !right {
            return Err(format!("the label `{key}` is `{value}`"));
        }
        if let Some(labels) = plain["Labels"].as_object_mut() {
            labels.remove(key);
        }
    }
    Ok(())
}

fn parsed(request: &Request) -> Result<Value, String> {
    serde_json::from_slice(&request.body).map_err(|error| format!("no JSON in {}: {error}", request.target))
}

/// The same requests in the same order, but for the runtime of the container.
fn same_requests(plain: &[Request], ours: &[Request], expected: &str) -> Result<(), String> {
    same(&summary(plain), &summary(ours), "requests")?;
    for (plain, ours) in plain.iter().zip(ours) {
        let headers = |request: &Request| {
            let mut headers = request.headers.clone();
            headers.remove("content-length");
            // A random number of each process.
            headers.remove("traceparent");
            format!("{headers:?}")
        };
        same(&headers(plain), &headers(ours), "headers")?;
        if !plain.is_create() {
            same(&plain.body, &ours.body, "body")?;
            continue;
        }
        let (mut plain, mut ours) = (parsed(plain)?, parsed(ours)?);
        take_runtime(&mut plain);
        same(expected, take_runtime(&mut ours).as_str(), "HostConfig.Runtime")?;
        take_labels(&mut plain, &mut ours)?;
        sort_what_docker_shuffles(&mut plain);
        sort_what_docker_shuffles(&mut ours);
        let mut differences = Vec::new();
        differ("", &plain, &ours, &mut differences);
        if !differences.is_empty() {
            return Err(format!("the requests differ:\n{}", differences.join("\n")));
        }
    }
    Ok(())
}

/// Docker's CLI keeps these in Go maps and sends them in another order every time. Nothing else is
/// sorted: every other order is the user's.
fn sort_what_docker_shuffles(create: &mut Value) {
    for list in ["/Env", "/HostConfig/Binds", "/HostConfig/Ulimits"] {
        if let Some(list) = create.pointer_mut(list).and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
        }
    }
}

/// Adds a line for each place where the two differ: `HostConfig.Memory: 1, but 2`.
fn differ(place: &str, plain: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (plain, ours) {
        (Value::Object(plain), Value::Object(ours)) => {
            for (key, value) in plain {
                match ours.get(key) {
                    Some(other) => differ(&format!("{place}.{key}"), value, other, differences),
                    None => differences.push(format!("  {place}.{key}: {value}, but nothing")),
                }
            }
            for (key, value) in ours.iter().filter(|(key, _)| !plain.contains_key(*key)) {
                differences.push(format!("  {place}.{key}: nothing, but {value}"));
            }
        }
        _ if plain == ours => {}
        _ => differences.push(format!("  {place}: {plain}, but {ours}")),
    }
}

fn summary(requests: &[Request]) -> String {
    let lines: Vec<String> =
        requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    lines.join(", ")
}

fn same<T: PartialEq + std::fmt::Debug + ?Sized>(plain: &T, ours: &T, what: &str) -> Result<(), String> {
    if plain == ours { Ok(()) } else { Err(format!("{what}: {plain:?} expected, ours is {ours:?}")) }
}

//! Worlds on a server, as a user gives them.
#![allow(missing_docs)]

mod common;
#[cfg(feature = "remote")]
#[path = "../../crates/io/tests/model/server.rs"]
mod server;

use common::fails;

#[cfg(not(feature = "remote"))]
#[test]
fn a_build_without_servers_says_how_to_get_one_with() {
    for verb in [&["replay", "--world"][..], &["inspect"], &["verify"]] {
        let line = fails(&[verb, &["https://example.org/w.far"]].concat(), 2);
        assert!(line.contains("cargo run --release -p harness --features remote"), "{line}");
    }
}

#[test]
fn a_cache_is_not_for_files() {
    let world = common::small_world().to_str().unwrap();
    let line = fails(&["replay", "--world", world, "--cache", "somewhere"], 2);
    assert!(line.contains("--cache") && line.contains("is a file"), "{line}");
}

#[cfg(feature = "remote")]
mod served {
    use crate::common::{fails, harness, small_world, succeeds};
    use crate::server::{Answer, Server};
    use std::fs;

    fn served() -> Server {
        Server::new(fs::read(small_world()).unwrap())
    }

    #[test]
    fn inspect_and_verify_and_record_give_what_they_give_of_a_file() {
        let (server, file) = (served(), small_world().to_str().unwrap());
        // The first line is the name; the last one of an address tells what it has cost.
        let body = |text: String| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        let (here, there) =
            (body(succeeds(&["inspect", file])), body(succeeds(&["inspect", &server.url])));
        assert_eq!(there[..here.len()], here[..]);
        assert!(there.last().unwrap().starts_with("  server "), "{there:?}");
        let tail = |text: String| text.split_once(": whole;").unwrap().1.to_owned();
        let verified = tail(succeeds(&["verify", &server.url]));
        assert_eq!(verified, tail(succeeds(&["verify", file])));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for (world, out) in [(file, path("a.cam")), (server.url.as_str(), path("b.cam"))] {
            succeeds(&["record", "--preset", "orbit", "--world", world, "-o", &out]);
        }
        assert_eq!(fs::read(path("a.cam")).unwrap(), fs::read(path("b.cam")).unwrap());
    }

    #[test]
    fn a_second_replay_comes_from_the_cache() {
        let (server, folder) = (served(), tempfile::tempdir().unwrap());
        let cache = folder.path().to_str().unwrap();
        let args = ["replay", "--world", &server.url, "--clock", "virtual", "--to", "1"];
        let args = [&args[..], &["--cache", cache, "--cache-limit", "64MiB"]].concat();
        let run = || {
            let output = harness(&args);
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stderr).unwrap()
        };
        run();
        let (sent, requests) = (server.sent_bytes(), server.requests());
        let second = run();
        assert_eq!((server.sent_bytes() - sent, server.requests() - requests), (0, 1));
        assert!(second.contains("server: 1 requests, 0.00 MB and "), "{second}");
        assert!(second.contains("; then 0 requests, 0.00 MB"), "{second}");
    }

    /// What is skipped between neighbours, and cancelled on arrival, is sent for nothing.
    #[test]
    fn what_is_streamed_is_little_more_than_its_units() {
        let server = served();
        let output = harness(&["replay", "--world", &server.url, "--to", "3"]);
        assert!(output.status.success(), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        let line = stderr.lines().find(|line| line.starts_with("server: ")).unwrap();
        println!("{line}");
        let share = line.rsplit_once(' ').unwrap().1.trim_end_matches('%');
        let percent: f64 = share.parse().unwrap();
        assert!((0.0..=25.0).contains(&percent), "{line}");
        assert!(!line.contains(" for 0.00 MB"), "{line}");
    }

    #[test]
    fn a_world_that_changes_on_the_server_is_one_clear_line() {
        let server = served();
        // It is another one as soon as its front was sent.
        server.answers(&[Answer::Well, Answer::Status(412)]);
        let line = fails(&["replay", "--world", &server.url, "--to", "1"], 1);
        assert!(line.contains("has changed; open it again"), "{line}");
    }

    #[test]
    fn what_cannot_be_opened_is_one_clear_line() {
        let server = served();
        server.answers(&[Answer::Status(404)]);
        let line = fails(&["replay", "--world", &server.url], 1);
        assert!(line.contains("no such file (status 404)"), "{line}");
        server.answers(&[Answer::Whole]);
        let line = fails(&["inspect", &server.url], 1);
        assert!(line.contains("serves ranges"), "{line}");
        let line = fails(&["replay", "--world", "ftp://example.org/w.far"], 2);
        assert!(line.contains("nothing reads ftp://"), "{line}");
        let line = fails(&["replay", "--world", &server.url, "--io", "pread"], 2);
        assert!(line.contains("--io is for files"), "{line}");
    }
}

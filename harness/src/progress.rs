//! Progress on stderr, on a terminal only, and Ctrl-C.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{Write, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// A bar of `total` steps; invisible unless stderr is a terminal.
#[must_use]
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let style =
        ProgressStyle::with_template("{prefix:>10} [{bar:40}] {percent:>3}% {eta:>4} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what.to_owned());
    bar
}

static CURSOR_HIDDEN: AtomicBool = AtomicBool::new(false);

/// Hides the terminal's cursor. Whoever does so shows it again, however they end.
pub fn hide_cursor() {
    CURSOR_HIDDEN.store(true, Ordering::SeqCst);
    let _ = stderr().write_all(b"\x1b[?25l");
}

/// Shows the cursor again, if it is hidden.
pub fn show_cursor() {
    if CURSOR_HIDDEN.swap(false, Ordering::SeqCst) {
        let _ = stderr().write_all(b"\x1b[?25h");
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user asked to stop (Ctrl-C, or a termination signal). The first call installs the
/// handler; a second signal ends the process at once.
pub fn interrupted() -> &'static AtomicBool {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // Without a handler Ctrl-C ends the process: nothing half-written is taken for whole.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                show_cursor();
                std::process::exit(130);
            }
        });
    });
    &INTERRUPTED
}

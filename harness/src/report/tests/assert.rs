use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::report::{AssertError, Assertion, Report};

fn report() -> Value {
    let mut report = Report::default();
    report.options.insert("threads".to_owned(), json!(2));
    report.options.insert("mip.bias".to_owned(), json!(0.5));
    report.residency.hit_rate = Some(0.96);
    report.residency.holes = Some(0);
    report.timing.threads = Some(2);
    report.timing.update_ms.p99 = Some(0.8);
    report.world.path = "built-in".to_owned();
    report.to_value().unwrap()
}

fn holds(text: &str) -> bool {
    Assertion::parse(text).unwrap().evaluate(&report()).unwrap().holds
}

fn error(text: &str) -> AssertError {
    Assertion::parse(text).and_then(|assertion| assertion.evaluate(&report())).unwrap_err()
}

#[test]
fn each_operator_compares_as_written() {
    for (operator, below, same, above) in [
        ("<", false, false, true),
        ("<=", false, true, true),
        (">", true, false, false),
        (">=", true, true, false),
        ("==", false, true, false),
    ] {
        assert_eq!(holds(&format!("residency.hit_rate {operator} 0.95")), below, "{operator}");
        assert_eq!(holds(&format!("residency.hit_rate {operator} 0.96")), same, "{operator}");
        assert_eq!(holds(&format!("residency.hit_rate {operator} 0.97")), above, "{operator}");
    }
}

#[test]
fn spaces_may_be_left_out_and_numbers_may_be_signed_or_scientific() {
    assert!(holds("residency.holes==0"));
    assert!(holds("  residency.holes  <  1e-3 "));
    assert!(holds("residency.holes>-1"));
}

#[test]
fn the_group_may_be_left_out_where_the_key_is_unique() {
    assert!(holds("hit_rate >= 0.95"));
    assert!(holds("update_ms.p99 <= 1"));
    assert!(holds("timing.update_ms.p99 <= 1"));
    assert!(holds("options.threads == 2"));
}

#[test]
fn a_key_with_a_dot_in_it_is_found() {
    assert!(holds("options.mip.bias == 0.5"));
    assert!(holds("mip.bias == 0.5"));
}

#[test]
fn a_key_in_several_groups_is_an_error_that_lists_them() {
    let candidates = vec!["options.threads".to_owned(), "timing.threads".to_owned()];
    assert_eq!(
        error("threads == 2"),
        AssertError::AmbiguousName { name: "threads".to_owned(), candidates }
    );
}

#[test]
fn an_unknown_name_is_an_error_that_offers_the_nearest() {
    let AssertError::UnknownName { name, near } = error("hitrate >= 0.95") else {
        panic!("not an unknown name");
    };
    assert_eq!((name.as_str(), near[0].as_str()), ("hitrate", "residency.hit_rate"));
    let AssertError::UnknownName { near, .. } = error("timing.update_ms.p98 <= 1") else {
        panic!("not an unknown name");
    };
    assert!(near.contains(&"timing.update_ms.p99".to_owned()), "{near:?}");
    assert!(matches!(error("p99 <= 1"), AssertError::UnknownName { .. }), "no group has a p99");
    assert!(matches!(error("residency.hit_rate.p99 <= 1"), AssertError::UnknownName { .. }));
}

#[test]
fn a_text_or_a_group_is_not_a_number() {
    for name in ["world.path", "residency", "timing.update_ms", "schema"] {
        assert!(matches!(error(&format!("{name} > 0")), AssertError::NotANumber { .. }), "{name}");
    }
}

#[test]
fn a_figure_that_was_not_taken_does_not_hold_and_the_line_says_so() {
    for operator in ["<", "<=", ">", ">=", "=="] {
        let text = format!("timing.frame_ms.p999 {operator} 0");
        let outcome = Assertion::parse(&text).unwrap().evaluate(&report()).unwrap();
        assert!(!outcome.holds);
        assert_eq!(outcome.line, format!("{text}: no figure was taken"));
    }
}

#[test]
fn the_line_has_the_claim_and_the_figure() {
    let line = |text| Assertion::parse(text).unwrap().evaluate(&report()).unwrap().line;
    assert_eq!(line("hit_rate >= 0.95"), "residency.hit_rate >= 0.95: holds, it is 0.96");
    assert_eq!(line("hit_rate>0.99"), "residency.hit_rate > 0.99: does not hold, it is 0.96");
}

#[test]
fn a_typo_fails_before_the_run() {
    let skeleton = Report::skeleton(&BTreeMap::new(), &["critical"], &["cull"]);
    let skeleton = skeleton.to_value().unwrap();
    let check = |text| Assertion::parse(text).unwrap().check_known(&skeleton);
    assert!(check("timing.update_ms.p99 <= 1").is_ok());
    assert!(check("stages_ms.cull.mean <= 1").is_ok());
    assert!(check("time_to_quality_ms.by_class.critical.p99 <= 100").is_ok());
    assert!(check("bound.ratio >= 0.9").is_ok());
    assert!(matches!(check("update.p99 <= 1"), Err(AssertError::UnknownName { .. })));
    assert!(matches!(check("hash > 1"), Err(AssertError::AmbiguousName { .. })));
}

#[test]
fn what_is_known_before_the_run_and_absent_after_it_does_not_hold() {
    let skeleton = Report::skeleton(&BTreeMap::new(), &[], &[]).to_value().unwrap();
    let mut assertion = Assertion::parse("bound.ratio >= 0.9").unwrap();
    assertion.check_known(&skeleton).unwrap();
    let outcome = assertion.evaluate(&report()).unwrap();
    assert!(!outcome.holds);
    assert_eq!(outcome.line, "residency.bound.ratio >= 0.9: no figure was taken");
}

#[test]
fn what_is_no_assertion_is_refused_with_the_grammar() {
    for text in [
        "",
        "hit_rate",
        "hit_rate 0.95",
        "hit_rate = 0.95",
        "hit_rate != 0.95",
        "hit_rate => 1",
        "hit_rate >=",
        "hit_rate >= 95%",
        "hit_rate >= NaN",
        "hit_rate >= inf",
        ">= 0.95",
        "hit rate >= 0.95",
        ".hit_rate >= 1",
        "a..b > 1",
        "hit_rate >= 0.9 <= 1",
        "é≥1",
    ] {
        let error = Assertion::parse(text).unwrap_err();
        assert!(matches!(error, AssertError::Syntax { .. }), "{text}");
        assert!(error.to_string().contains("GROUP.KEY OP NUMBER"), "{error}");
    }
}

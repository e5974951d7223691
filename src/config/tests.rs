//! Which settings are taken, which are refused, and that messages give no secret away.

use clap::{Args, FromArgMatches};

use super::*;

fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
    ConfigFile::parse(text, Path::new(CONFIG_FILE))
}

fn check(text: &str, expected: &[&str]) {
    let error = parse(text).unwrap_err().to_string();
    for part in expected.iter().chain(&[CONFIG_FILE]) {
        assert!(error.contains(part), "{error:?} does not mention {part:?}");
    }
}

#[test]
fn a_wrong_file_is_refused_by_key() {
    check("bnid = '127.0.0.1:1'", &["unknown field `bnid`", "did you mean `bind`?", "line 1"]);
    check("[worker]\nlimits = 1", &["line 2", "did you mean `limit`?"]);
    check("max_k = 0", &["`max_k` is 0", "1 to 1000000"]);
    check("max_k = 1000001", &["max_k"]);
    check("max_k = -1", &["line 1 (`max_k`)", "integer", "expected u64"]);
    check("max_k = '10'", &["max_k", "string"]);
    check("workers = 1025", &["workers"]);
    check("keep_alive_seconds = 0", &["keep_alive_seconds"]);
    check("bind = ", &["line 1 (`bind`)"]);
    check("bind = 'x'\n\n[worker]\nlimit = 'x'", &["line 4 (`limit`)", "string", "expected u64"]);
}

#[test]
fn no_value_is_in_a_message() {
    let wrong = [
        "secret_token = hunter2",
        "secret_token = \"hunter2",
        "secret_token = 'hunter2' x",
        "secret_token = ['hunter2']",
        "secret_token = {a = 'hunter2'}",
        "max_k = \"a, expected \\\"hunter2\"",
        "max_k = 'hunter2'",
        "insecure = 'hunter2, expected `hunter2`'",
        "worker = 'hunter2'",
        "[worker]\nproviders = 'hunter2'",
        "redis_url = redis://:hunter2@h",
        "redis_url redis://:hunter2@h",
        "secret_token = '''\nhunter2",
        "hunter2=",
        "hunter2",
    ];
    for text in wrong {
        let error = parse(&format!("bind = 'x'\n{text}")).unwrap_err();
        let message = error.to_string();
        assert!(
            !message.contains("hunter2") && !format!("{error:?}").contains("hunter2"),
            "{text}: {message}"
        );
        assert!(message.contains("line 2") || message.contains("line 3"), "{text}: {message}");
    }
    check("secret_token = 5", &["(`secret_token`)", "integer, expected a string"]);
    assert!(!parse("secret_token = 57").unwrap_err().to_string().contains("57"));
}

#[derive(Args)]
struct Flags {
    #[arg(long, env = "NEARFIELD_MAX_K", default_value_t = 5)]
    max_k: u64,
    #[arg(long, env = "NEARFIELD_INSECURE")]
    insecure: bool,
    #[arg(long, default_value = "untouched")]
    bind: String,
}

fn flags(file: &str, arguments: &[&str]) -> Flags {
    let command = clap::Command::new("x").subcommand(Flags::augment_args(clap::Command::new("serve")));
    let command = parse(file).unwrap().as_defaults(command);
    let arguments = ["x", "serve"].iter().chain(arguments);
    let matches = command.try_get_matches_from(arguments).unwrap();
    Flags::from_arg_matches(matches.subcommand().unwrap().1).unwrap()
}

#[test]
fn the_file_gives_defaults_that_flags_override() {
    let file = "max_k = 7\ninsecure = true\nbind = 'x'";
    let found = flags(file, &[]);
    // `bind` has no variable here, so it is another `--bind` than the file's.
    assert_eq!((found.max_k, found.insecure, found.bind.as_str()), (7, true, "untouched"));
    assert_eq!(flags(file, &["--max-k", "9"]).max_k, 9);
    let found = flags("", &[]);
    assert_eq!((found.max_k, found.insecure), (5, false));
}

#[test]
fn the_requested_file_is_found_among_the_arguments() {
    let find = |arguments: &[&str]| requested(arguments.iter().map(OsString::from));
    assert_eq!(find(&["nearfield", "serve", "--config", "a.toml"]), Some("a.toml".into()));
    assert_eq!(find(&["nearfield", "--config=b.toml", "serve"]), Some("b.toml".into()));
    assert_eq!(find(&["nearfield", "remove", "--", "--config", "a"]), None);
}

#[test]
fn every_key_is_documented() {
    let everything = "store = ''\nlmdb_map_gib = 5\nmongo_database = ''\nmongo_collection = ''\nmongo_map = ''\n\
        mongo_patience_seconds = 5\nindexes = ''\nname = ''\nlog = ''\nbind = ''\ninsecure = true\nmax_body_bytes = 5000\n\
        max_k = 5\nmax_batch_requests = 5\nmax_batch_results = 5\nmax_feedback = 5\nbatch_threads = 5\nfilter_cache_mib = 5\n\
        poll_seconds = 5\nmin_recall = 0.5\nlive_recall_share = 0.5\nlive_recall_cpu_share = 0.5\ncache_mib = 5\ncache_ttl_seconds = 5\ncache_prefix = 'x'\ncache_timeout_ms = 5\n\
        cache_redis_min_us = 5\nworkers = 5\nrequest_timeout_seconds = 5\nkeep_alive_seconds = 5\nshutdown_timeout_seconds = 5";
    let variables = parse(everything).unwrap().by_variable();
    assert_eq!(variables.len(), everything.lines().count());
    let (manual, example) = (include_str!("../../docs/configuration.md"), include_str!("../../.env.example"));
    for variable in variables.iter().map(|(variable, _)| *variable).chain([
        CONFIG_VARIABLE,
        TOKEN_VARIABLE,
        MONGO_URL_VARIABLE,
        REDIS_VARIABLE,
    ]) {
        assert!(manual.contains(&format!("`{variable}`")), "{variable} is not in docs/configuration.md");
        assert!(example.contains(&format!("\n#{variable}=")), "{variable} is not in .env.example");
    }
    for key in everything.lines().filter_map(|line| line.split(' ').next()) {
        assert!(manual.contains(&format!("| `{key}` |")), "{key} is not in docs/configuration.md");
    }
}

#[test]
fn a_blank_token_is_none_and_a_token_is_not_printed() {
    assert_eq!(Secret::new(" "), None);
    let secret = Secret::new("hunter2").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(...)");
    assert_eq!(secret.reveal(), "hunter2");
}

//! The checks of the database: reached, its version, its schema, TLS, its clock, the roles, row-level security.

use scimgate::clock::Clock;
use scimgate::store::Store;
use scimgate::store::postgres::diagnosis::{OLDEST_POSTGRES, Server, SessionRole};
use scimgate::store::postgres::migrate::KNOWN;
use scimgate::telemetry::chain;

use super::finding::{AGAIN, Finding};

/// A larger difference between the clocks moves the ends of tokens, and the times that are shown.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 2_000;
/// A round trip that takes longer shows in every request.
const MAX_ROUND_TRIP_MS: u128 = 20;

/// Adds what the database says; returns whether its schema is one that `serve` works on.
pub(super) async fn examine(store: &Store, found: &mut Vec<Finding>) -> bool {
    let clock = Clock::system();
    let server = match store.diagnose_server(|| clock.now()).await {
        Ok(server) => server,
        Err(error) => {
            found.push(unreachable(&chain(&error)));
            return false;
        }
    };
    found.push(reached(&server));
    found.push(tls(&server));
    found.push(time(&server));
    let is_migrated = match store.schema_version().await {
        Ok(version) => {
            found.push(schema(version));
            version >= KNOWN
        }
        Err(error) => {
            found.push(Finding::wrong("schema", chain(&error), "run `scimgate migrate`"));
            false
        }
    };
    match store.diagnose_roles().await {
        Ok(found_roles) => found.push(roles(&found_roles, &server.login)),
        Err(error) => found.push(Finding::wrong("roles", chain(&error), AGAIN)),
    }
    found.push(if is_migrated {
        row_level_security(store).await
    } else {
        Finding::skipped("row-level security", "the schema comes first")
    });
    is_migrated
}

fn unreachable(why: &str) -> Finding {
    let fix = if why.contains("password") || why.contains("authentication") {
        "correct the user and the password in DATABASE_URL"
    } else if why.contains("does not exist") {
        "create the role and the database: docs/postgresql.md"
    } else if why.contains("ertificate") || why.contains("TLS") || why.contains("tls") {
        "name the file with the authority of the server's certificate in --database-ca-file, and the server by the name in its certificate; or set sslmode"
    } else {
        "check that PostgreSQL runs, and that host and port in DATABASE_URL are reached from this machine"
    };
    Finding::wrong("database", why, fix)
}

fn reached(server: &Server) -> Finding {
    let Server { version, login, database, .. } = server;
    let took = server.took.as_millis();
    let found = format!("PostgreSQL {version}, database {database}, role {login}, round trip {took} ms");
    if server.major < OLDEST_POSTGRES {
        Finding::wrong("database", found, format!("use PostgreSQL {OLDEST_POSTGRES} or later"))
    } else if server.is_standby {
        Finding::wrong(
            "database",
            format!("{found}; it is a standby, which takes no writes"),
            "name the primary in DATABASE_URL",
        )
    } else if took > MAX_ROUND_TRIP_MS {
        Finding::note(
            "database",
            found,
            "each request takes two to four round trips: move the gateway nearer to the database",
        )
    } else {
        Finding::good("database", found)
    }
}

fn tls(server: &Server) -> Finding {
    const CHECK: &str = "TLS to the database";
    if server.is_encrypted {
        Finding::good(CHECK, "encrypted; certificate and name are checked")
    } else if server.is_socket {
        Finding::good(CHECK, "a socket of this machine needs none")
    } else {
        Finding::note(
            CHECK,
            "not encrypted",
            "add sslmode=require to DATABASE_URL, unless the database is on this machine",
        )
    }
}

fn time(server: &Server) -> Finding {
    const CHECK: &str = "clock";
    let ahead = server.ahead_ms;
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let found = format!("the database is {} ms {direction} this machine", ahead.abs());
    // Half of the round trip is not known.
    let uncertain = i64::try_from(server.took.as_millis()).unwrap_or(i64::MAX);
    if ahead.abs() > MAX_CLOCK_DIFFERENCE_MS.saturating_add(uncertain) {
        Finding::wrong(
            CHECK,
            found,
            "synchronise both clocks (chrony, systemd-timesyncd): tokens end early or late by it",
        )
    } else {
        Finding::good(CHECK, found)
    }
}

fn schema(version: i32) -> Finding {
    const CHECK: &str = "schema";
    match version {
        0 => Finding::wrong(
            CHECK,
            format!("the database has no schema, and this binary needs version {KNOWN}"),
            "run `scimgate migrate`",
        ),
        version if version < KNOWN => {
            Finding::wrong(CHECK, format!("version {version}, and this binary needs {KNOWN}"), "run `scimgate migrate`")
        }
        version if version > KNOWN => Finding::note(
            CHECK,
            format!("version {version}, of a later release than this binary ({KNOWN})"),
            "an upgrade is under way, or this binary is old: replace it",
        ),
        version => Finding::good(CHECK, format!("version {version}, which this binary needs")),
    }
}

fn roles(roles: &[SessionRole], login: &str) -> Finding {
    const CHECK: &str = "roles";
    let names = |test: fn(&SessionRole) -> bool| {
        roles.iter().filter(|role| test(role)).map(|role| role.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (missing, barred, unbound) =
        (names(|role| !role.exists), names(|role| role.exists && !role.is_granted), names(|role| role.is_unbound));
    if !missing.is_empty() {
        Finding::wrong(
            CHECK,
            format!("there is no role {missing}"),
            "run `scimgate migrate`, or create them: docs/postgresql.md",
        )
    } else if !unbound.is_empty() {
        Finding::wrong(
            CHECK,
            format!("row-level security does not hold for {unbound}"),
            format!("ALTER ROLE {unbound} NOSUPERUSER NOBYPASSRLS, as an administrator of the server"),
        )
    } else if !barred.is_empty() {
        Finding::wrong(
            CHECK,
            format!("{login} may not take {barred}"),
            format!("GRANT {barred} TO {login}, as an administrator of the server"),
        )
    } else {
        Finding::good(CHECK, format!("{login} may take scimgate_tenant and scimgate_control"))
    }
}

async fn row_level_security(store: &Store) -> Finding {
    const CHECK: &str = "row-level security";
    match store.unprotected_tables().await {
        Ok(tables) if tables.is_empty() => Finding::good(CHECK, "forced on every table with tenants' rows"),
        Ok(tables) => Finding::wrong(
            CHECK,
            format!("not forced on {}", tables.join(", ")),
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; find out who switched it off",
        ),
        Err(error) => Finding::wrong(CHECK, chain(&error), AGAIN),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn server() -> Server {
        Server {
            version: "17.5".into(),
            major: 17,
            ahead_ms: -3,
            took: Duration::from_millis(2),
            is_encrypted: true,
            is_socket: false,
            login: "gate".into(),
            database: "scimgate".into(),
            is_standby: false,
        }
    }

    fn role(name: &str, (exists, is_granted, is_unbound): (bool, bool, bool)) -> SessionRole {
        SessionRole { name: name.into(), exists, is_granted, is_unbound }
    }

    #[test]
    fn each_finding_says_what_to_do() {
        let slow = Duration::from_millis(30);
        let lines = [
            reached(&server()),
            reached(&Server { major: 14, version: "14.2".into(), ..server() }),
            reached(&Server { is_standby: true, ..server() }),
            reached(&Server { took: slow, ..server() }),
            tls(&Server { is_encrypted: false, ..server() }),
            time(&server()),
            time(&Server { ahead_ms: 90_000, ..server() }),
            // The answer may have been on its way for all of that time.
            time(&Server { ahead_ms: -2_020, took: slow, ..server() }),
            schema(KNOWN),
            schema(KNOWN + 1),
            roles(&[role("scimgate_tenant", (false, false, false))], "gate"),
            roles(&[role("scimgate_tenant", (true, false, false))], "gate"),
            roles(&[role("scimgate_tenant", (true, true, true))], "gate"),
            unreachable("connection refused"),
            unreachable("password authentication failed for user \"gate\""),
        ]
        .map(|finding| finding.lines());
        let lines = lines.join("\n").replace(&KNOWN.to_string(), "N").replace(&(KNOWN + 1).to_string(), "N+1");
        insta::assert_snapshot!(lines, @r#"
good     database             PostgreSQL 17.5, database scimgate, role gate, round trip 2 ms
WRONG    database             PostgreSQL 14.2, database scimgate, role gate, round trip 2 ms
                              → use PostgreSQL 15 or later
WRONG    database             PostgreSQL 17.5, database scimgate, role gate, round trip 2 ms; it is a standby, which takes no writes
                              → name the primary in DATABASE_URL
note     database             PostgreSQL 17.5, database scimgate, role gate, round trip 30 ms
                              → each request takes two to four round trips: move the gateway nearer to the database
note     TLS to the database  not encrypted
                              → add sslmode=require to DATABASE_URL, unless the database is on this machine
good     clock                the database is 3 ms behind this machine
WRONG    clock                the database is 90000 ms ahead of this machine
                              → synchronise both clocks (chrony, systemd-timesyncd): tokens end early or late by it
good     clock                the database is 2020 ms behind this machine
good     schema               version N, which this binary needs
note     schema               version N+1, of a later release than this binary (N)
                              → an upgrade is under way, or this binary is old: replace it
WRONG    roles                there is no role scimgate_tenant
                              → run `scimgate migrate`, or create them: docs/postgresql.md
WRONG    roles                gate may not take scimgate_tenant
                              → GRANT scimgate_tenant TO gate, as an administrator of the server
WRONG    roles                row-level security does not hold for scimgate_tenant
                              → ALTER ROLE scimgate_tenant NOSUPERUSER NOBYPASSRLS, as an administrator of the server
WRONG    database             connection refused
                              → check that PostgreSQL runs, and that host and port in DATABASE_URL are reached from this machine
WRONG    database             password authentication failed for user "gate"
                              → correct the user and the password in DATABASE_URL
"#);
    }
}

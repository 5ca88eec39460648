//! TLS to the database, on a real server with certificates of the test's own authorities.

use std::path::Path;
use std::process::Command;

use scimgate_tests::binary::{command, refusal};
use scimgate_tests::cluster::Cluster;
use scimgate_tests::database::owner;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;

/// Creates an authority, and a server certificate by it for 127.0.0.1 alone.
fn certificates(folder: &Path, name: &str) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout {name}-ca.key -out {name}-ca.pem -days 2 -subj /CN={name}-authority"));
    openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(&format!(
        "x509 -req -in {name}.csr -CA {name}-ca.pem -CAkey {name}-ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
    ));
}

#[test]
fn the_database_connection_uses_tls_and_rejects_wrong_certificates() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path(), "right");
        certificates(folder.path(), "wrong");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let cluster = Cluster::start(&[]);
        cluster.write("server.crt", &read("right.pem"));
        cluster.write("server.key", &read("right.key"));
        let sql = "CREATE ROLE gate LOGIN SUPERUSER PASSWORD 'secret'";
        owner(&cluster.url("postgres")).await.batch_execute(sql).await.unwrap();
        let access = "hostssl all gate all scram-sha-256\nhostnossl all postgres all trust\n";
        cluster.write("pg_hba.conf", access);
        owner(&cluster.url("postgres")).await.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
        cluster.restart();

        let url = |host: &str, mode: &str| {
            format!("postgres://gate:secret@{host}:{}/postgres?sslmode={mode}", cluster.port())
        };
        let trusting =
            |name: &str| [("SCIMGATE_DATABASE_CA_FILE", folder.path().join(name).to_str().unwrap().to_owned())];
        let prepared = Prepared::new(&url("127.0.0.1", "require"), &trusting("right-ca.pem")).await;
        for mode in ["require", "verify-full", "prefer"] {
            let served = prepared.at(&url("127.0.0.1", mode)).serve(&[]).await;
            assert_eq!(served.probe("/readyz").await, 200, "{mode}");
            let sql = "SELECT bool_and(s.ssl) FROM pg_stat_activity JOIN pg_stat_ssl s USING (pid) WHERE application_name = 'scimgate'";
            let row = owner(&cluster.url("postgres")).await.query_one(sql, &[]).await.unwrap();
            assert_eq!(row.get::<_, Option<bool>>(0), Some(true), "{mode}");
            assert!(served.running.terminate().await.0.success());
        }

        let error = async |host: &str, mode: &str, authority: &str| {
            let mut serve = command(&["serve", "--database-url", &url(host, mode)]);
            serve.envs(trusting(authority));
            let error = refusal(serve).await;
            assert!(!error.contains("secret"), "{error}");
            error
        };
        for mode in ["require", "verify-full", "prefer"] {
            let unknown = error("127.0.0.1", mode, "wrong-ca.pem").await;
            assert_eq!(unknown.matches("invalid peer certificate: UnknownIssuer").count(), 1, "{unknown}");
            let misnamed = error("localhost", mode, "right-ca.pem").await;
            assert!(misnamed.contains("not valid for name \"localhost\""), "{misnamed}");
        }
        let plain = error("127.0.0.1", "disable", "right-ca.pem").await;
        assert!(plain.contains("no encryption"), "{plain}");
    });
}

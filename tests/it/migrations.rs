//! A migration of a database with rows, by the role that the documents recommend: no superuser, bound by row-level security.

use scimgate::store::postgres::migrate::{MIGRATIONS, in_transaction};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;

/// The version before the table `job`.
const BEFORE: i32 = 11;

#[test]
fn runs_of_the_older_version_become_jobs() {
    block_on(async {
        let database = Fresh::empty().await;
        let owner = database.owner().await;
        let role = format!("migrator_{}", uuid::Uuid::new_v4().simple());
        let name: String = owner.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        let prepare = format!(
            "CREATE ROLE {role} NOSUPERUSER CREATEROLE; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}; \
             DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'scimgate_tenant') THEN \
             GRANT scimgate_tenant, scimgate_control TO {role} WITH ADMIN OPTION; END IF; END $$; SET ROLE {role}"
        );
        owner.batch_execute(&prepare).await.unwrap();
        for (_, _, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version <= BEFORE) {
            owner.batch_execute(sql).await.unwrap();
        }
        let runs = "RESET ROLE; INSERT INTO fold_in (tenant_id, schema_revision, finished, after_id, begun_at, moved_at) \
                    SELECT gen_random_uuid(), 3, finished, gen_random_uuid(), now(), now() FROM (VALUES (true), (false)) v (finished)";
        owner.batch_execute(&format!("{runs}; SET ROLE {role}")).await.unwrap();
        for (_, _, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > BEFORE) {
            owner.batch_execute(&format!("BEGIN; {}; COMMIT", in_transaction(sql))).await.unwrap();
        }
        owner.batch_execute("RESET ROLE").await.unwrap();
        let jobs = "SELECT state::text FROM job j JOIN fold_in f ON f.tenant_id = j.tenant_id AND f.after_id = j.after_id \
                    WHERE j.kind = 'reconcile' AND j.revision = 3 ORDER BY 1";
        let states: Vec<String> = owner.query(jobs, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(states, ["finished", "running"]);
        let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('job', 'fold_in') AND relforcerowsecurity";
        assert_eq!(owner.query_one(forced, &[]).await.unwrap().get::<_, i64>(0), 2);
        database.drop().await;
    });
}

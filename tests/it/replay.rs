//! Recorded exchanges of identity providers (`testdata`), played against the gateway.

use scimgate_tests::replay::{Recording, state};
use scimgate_tests::{TestGateway, on_both, on_postgres};

on_both!(
    entra_connects,
    entra_provisions_users_with_the_flag_off,
    entra_provisions_users_with_the_flag_on,
    entra_disables_enables_and_deletes,
    entra_sets_managers_in_every_form,
    entra_provisions_groups_with_the_flag_off,
    entra_provisions_groups_with_the_flag_on,
    entra_writes_custom_attributes,
    entra_writes_roles,
    unknown_attributes_are_kept_without_an_error,
    the_dialects_of_entra_end_in_the_same_state,
);

// Addresses are normalised before the database is used, so one database is enough.
on_postgres!(unusual_tenant_urls_reach_the_endpoint);

async fn play(gateway: &TestGateway, file: &str) {
    let tenant = gateway.tenant("acme").await;
    let recording = Recording::read(file);
    let _ = recording.play(&tenant).await;
}

async fn entra_connects(gateway: &TestGateway) {
    play(gateway, "entra/connect.json").await;
}

async fn entra_provisions_users_with_the_flag_off(gateway: &TestGateway) {
    play(gateway, "entra/users-flag-off.json").await;
}

async fn entra_provisions_users_with_the_flag_on(gateway: &TestGateway) {
    play(gateway, "entra/users-flag-on.json").await;
}

async fn entra_disables_enables_and_deletes(gateway: &TestGateway) {
    play(gateway, "entra/leave-and-return.json").await;
}

async fn entra_sets_managers_in_every_form(gateway: &TestGateway) {
    play(gateway, "entra/manager.json").await;
}

async fn entra_provisions_groups_with_the_flag_off(gateway: &TestGateway) {
    play(gateway, "entra/groups-flag-off.json").await;
}

async fn entra_provisions_groups_with_the_flag_on(gateway: &TestGateway) {
    play(gateway, "entra/groups-flag-on.json").await;
}

async fn entra_writes_custom_attributes(gateway: &TestGateway) {
    play(gateway, "entra/custom-attributes.json").await;
}

async fn entra_writes_roles(gateway: &TestGateway) {
    play(gateway, "entra/roles.json").await;
}

async fn unknown_attributes_are_kept_without_an_error(gateway: &TestGateway) {
    play(gateway, "entra/unknown-attributes.json").await;
}

/// On-demand provisioning does not honour the flag, so one tenant sees both dialects.
async fn the_dialects_of_entra_end_in_the_same_state(gateway: &TestGateway) {
    for (off, on, mixed) in [
        ("entra/users-flag-off.json", "entra/users-flag-on.json", "entra/users-mixed.json"),
        ("entra/groups-flag-off.json", "entra/groups-flag-on.json", "entra/groups-mixed.json"),
    ] {
        let mut states = Vec::new();
        for (index, file) in [off, on, mixed].into_iter().enumerate() {
            let kind = &off[6..off.find('-').unwrap()];
            let tenant = gateway.tenant(&format!("{kind}-{index}")).await;
            let names = Recording::read(file).play(&tenant).await;
            states.push(state(&tenant, &names).await);
        }
        assert_eq!(states[0], states[1], "{off} and {on}");
        assert_eq!(states[0], states[2], "{off} and {mixed}");
    }
}

async fn unusual_tenant_urls_reach_the_endpoint(gateway: &TestGateway) {
    let bases = [
        "/scim/v2/",
        "/scim/v2//",
        "//scim//v2",
        "/scim/v2/?aadOptscim062020",
        "/scim/v2?AzureAdScimPatch2017",
        "/t/{tenant}/scim/v2",
        "/t/{tenant}/scim/v2/?aadOptscim062020",
    ];
    for (index, base) in bases.into_iter().enumerate() {
        let tenant = gateway.tenant(&format!("acme-{index}")).await;
        let recording = Recording { base: Some(base.to_owned()), ..Recording::read("entra/users-flag-on.json") };
        let _ = recording.play(&tenant).await;
    }
    let tenant = gateway.tenant("acme").await;
    let ada = tenant.user("ada").await;
    for path in
        ["/Users/?aadOptscim062020", "/Users//", "//Users", "/Users?unknown=1&filter=userName eq \"ADA@corp.test\""]
    {
        assert_eq!(tenant.get(path).await.expect(200).body["Resources"][0]["id"], ada.as_str(), "{path}");
    }
    for path in [format!("/Users/{ada}/"), format!("/Users//{ada}?aadOptscim062020")] {
        assert_eq!(tenant.get(&path).await.expect(200).id(), ada);
    }
}

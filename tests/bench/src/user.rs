//! The users: names follow from a number.

/// A user's name, before the `@`.
pub(crate) fn name(n: u64) -> String {
    format!("user{n}")
}

/// An enterprise user of 2.4 KB, as Entra sends one whose attributes are all mapped.
pub(crate) fn json(name: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"],"externalId":"{name}","userName":"{name}@corp.test","active":true,"displayName":"Augusta Ada King, Countess of Lovelace","nickName":"Ada","profileUrl":"https://people.corp.test/profiles/{name}","title":"Principal Analyst, Analytical Engines","userType":"Employee","preferredLanguage":"en-GB","locale":"en-GB","timezone":"Europe/London","name":{{"formatted":"Augusta Ada King, Countess of Lovelace","familyName":"King","givenName":"Augusta","middleName":"Ada","honorificPrefix":"Lady","honorificSuffix":"FRS"}},"emails":[{{"primary":true,"type":"work","value":"{name}@Corp.Test","display":"Ada King (work)"}},{{"type":"home","value":"{name}@home.test","display":"Ada King (home)"}},{{"type":"other","value":"{name}@society.test","display":"Ada King (Royal Society)"}}],"phoneNumbers":[{{"type":"work","value":"+44 20 7946 0991","primary":true}},{{"type":"mobile","value":"+44 7700 900461"}},{{"type":"fax","value":"+44 20 7946 0992"}}],"addresses":[{{"type":"work","primary":true,"formatted":"12 St James Square\nLondon SW1Y 4LB\nUnited Kingdom","streetAddress":"12 St James Square","locality":"London","region":"Greater London","postalCode":"SW1Y 4LB","country":"GB"}},{{"type":"home","formatted":"Ockham Park\nOckham GU23 6NQ\nUnited Kingdom","streetAddress":"Ockham Park","locality":"Ockham","region":"Surrey","postalCode":"GU23 6NQ","country":"GB"}}],"ims":[{{"type":"skype","value":"{name}.corp"}}],"photos":[{{"type":"photo","value":"https://people.corp.test/photos/{name}.jpg"}}],"entitlements":[{{"value":"engine-operator","display":"Operator of the engine","primary":true}}],"roles":[{{"value":"analyst","display":"Analyst","type":"business","primary":true}},{{"value":"reviewer","display":"Reviewer of the notes","type":"business"}}],"meta":{{"resourceType":"User"}},"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"employeeNumber":"E-{name}","costCenter":"4130","organization":"Analytical Engines Ltd","division":"Research and Development","department":"Department of Analytical Engines","manager":{{"value":"01800000-0000-7000-8000-000000001815"}}}},"urn:ietf:params:scim:schemas:extension:ws1b:2.0:User":{{"customAttribute1":"B-1815","customAttribute2":"St James Square"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_2_4_kilobytes() {
        let text = json("user1815");
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        assert!((2300..2500).contains(&text.len()), "{}", text.len());
    }
}

//! Entra's names of a user's attributes, and where its default mapping of a custom SCIM application writes them.

/// The SCIM path at which Entra's default mapping writes an attribute of a user.
#[must_use]
pub fn scim_path(name: &str) -> Option<&'static str> {
    DEFAULT_PATHS.iter().find(|(entra, _)| *entra == name).map(|(_, path)| *path)
}

/// The names of Entra's attributes that have a SCIM path by default.
pub fn attribute_names() -> impl Iterator<Item = &'static str> {
    DEFAULT_PATHS.iter().map(|(name, _)| *name)
}

/// As the default mapping of a custom SCIM application has it.
const DEFAULT_PATHS: [(&str, &str); 24] = [
    ("appRoleAssignments", "roles"),
    ("city", "addresses[type eq \"work\"].locality"),
    ("companyName", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"),
    ("country", "addresses[type eq \"work\"].country"),
    ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
    ("employeeId", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"),
    ("facsimileTelephoneNumber", "phoneNumbers[type eq \"fax\"].value"),
    ("givenName", "name.givenName"),
    ("jobTitle", "title"),
    ("mail", "emails[type eq \"work\"].value"),
    ("mailNickname", "externalId"),
    ("manager", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
    ("mobile", "phoneNumbers[type eq \"mobile\"].value"),
    ("objectId", "externalId"),
    ("physicalDeliveryOfficeName", "addresses[type eq \"other\"].formatted"),
    ("postalCode", "addresses[type eq \"work\"].postalCode"),
    ("proxyAddresses", "emails.value"),
    ("state", "addresses[type eq \"work\"].region"),
    ("streetAddress", "addresses[type eq \"work\"].streetAddress"),
    ("surname", "name.familyName"),
    ("telephoneNumber", "phoneNumbers[type eq \"work\"].value"),
    ("usageLocation", "addresses[type eq \"work\"].country"),
    ("userPrincipalName", "userName"),
    ("otherMails", "emails.value"),
];

//! The tables of tenants in partitions.

/// The migration with every table that has a `tenant_id` in two partitions by its hash.
pub(super) fn partitioned(sql: &str) -> String {
    const START: &str = "CREATE TABLE ";
    const END: &str = "\n);\n";
    const PARTITIONED: &str = "\n) PARTITION BY ";
    let mut result = String::new();
    let mut rest = sql;
    while let Some(start) = rest.find(START) {
        let line = rest[start..].find('\n').map_or(rest.len(), |length| start + length);
        let end = rest[start..].find(END).map_or(rest.len(), |length| start + length);
        // One that is a partition, or has them already.
        let own = rest[start..end].find(PARTITIONED).map(|length| start + length + PARTITIONED.len());
        if let Some(copied) = own.or((!rest[start..line].ends_with('(')).then_some(line)) {
            result += &rest[..copied];
            rest = &rest[copied..];
            continue;
        }
        let (table, after) = (&rest[start..end], &rest[end + END.len()..]);
        result += &rest[..start];
        result += table;
        if table.contains("\n  tenant_id ") {
            let name = table[START.len()..].trim_start_matches("IF NOT EXISTS ").split_whitespace().next().unwrap();
            result += "\n) PARTITION BY HASH (tenant_id);\n";
            let half = |n: usize| {
                format!("CREATE TABLE {name}_{n} PARTITION OF {name} FOR VALUES WITH (MODULUS 2, REMAINDER {n});\n")
            };
            result.extend([half(0), half(1)]);
        } else {
            result += END;
        }
        rest = after;
    }
    result + rest
}

SELECT status, sum(count)::bigint AS count FROM ({source}) AS source GROUP BY status

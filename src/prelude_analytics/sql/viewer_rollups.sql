SELECT wanted.day, date_part('epoch', rollup.bucket)::bigint AS bucket,
    rollup.action_name, rollup.customer_id, viewer.user_email
FROM unnest(%(days)s::date[]) AS wanted (day)
JOIN public.customer_rollups AS rollup ON rollup.grain = %(grain)s::smallint
    AND rollup.bucket >= wanted.day::timestamptz AND rollup.bucket < (wanted.day + 1)::timestamptz
CROSS JOIN LATERAL unnest(rollup.user_emails) AS viewer (user_email)

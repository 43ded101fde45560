-- Just the rights that each role needs; tests try each verb under its role.

-- writer: the exporter. It writes rows, and reads of them only what duplicates and the join must know.
GRANT INSERT (
    event_id, "timestamp", user_email, session_id, action_type, action_name, action_category, entity_type, entity_id,
    page_url, page_route, service_name, user_agent, ip_address, action_data, result_status, result_data, duration_ms,
    tags, completes_event_id, personal_paths, trace_id, span_id, content_hash, lane, lane_seq
) ON public.user_activity_logs TO prelude_writer;
GRANT SELECT ("timestamp", event_id, content_hash, duration_ms), UPDATE (duration_ms) ON public.user_activity_logs TO prelude_writer;
GRANT USAGE ON SEQUENCE public.user_activity_logs_id_seq TO prelude_writer;
GRANT EXECUTE ON FUNCTION public.prelude_ensure_partition(timestamptz) TO prelude_writer;
GRANT SELECT, INSERT (lane), UPDATE (last_seq) ON public.ingest_lanes TO prelude_writer;
GRANT INSERT ON public.activity_amendments TO prelude_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.span_joins TO prelude_writer;
GRANT INSERT (signal, reason, detail, payload, payload_hash) ON public.activity_quarantine TO prelude_writer;
GRANT SELECT, INSERT (probe_id, service_name, sent_at) ON public.activity_probes TO prelude_writer;

-- reader: analytics.
GRANT SELECT ON public.user_activity_logs, public.ingest_lanes, public.activity_amendments, public.user_profiles,
    public.user_session_summaries, public.activity_probes TO prelude_reader;

-- governor: erasure, export for the person, quarantine. It makes no rows.
GRANT SELECT, UPDATE, DELETE ON public.user_activity_logs, public.user_session_summaries, public.activity_quarantine TO prelude_governor;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.user_profiles TO prelude_governor;
GRANT SELECT, DELETE ON public.activity_amendments, public.span_joins, public.activity_probes TO prelude_governor;
GRANT SELECT ON public.ingest_lanes TO prelude_governor;

-- sealer: reads rows in lane order, and writes nothing of them.
GRANT SELECT ON public.user_activity_logs, public.ingest_lanes, public.activity_amendments TO prelude_sealer;

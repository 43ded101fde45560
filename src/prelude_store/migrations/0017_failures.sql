-- Lists of what failed, or has not ended, find their rows where they are, newest first. Few rows are in it, so it costs others nothing.
CREATE INDEX user_activity_logs_failures_idx ON public.user_activity_logs ("timestamp", event_id) WHERE result_status <> 'success';

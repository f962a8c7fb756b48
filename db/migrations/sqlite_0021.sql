CREATE TABLE "decision" (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	screen_id INTEGER, 
	outcome TEXT NOT NULL, 
	category TEXT, 
	seq INTEGER, 
	how TEXT NOT NULL, 
	drawn TEXT NOT NULL, 
	probability DOUBLE, 
	suggested TEXT, 
	dwell_ms INTEGER, 
	decided_at VARCHAR(26) NOT NULL, 
	undone_at VARCHAR(26), 
	session_id INTEGER, 
	CONSTRAINT ck_decision_drawn CHECK (drawn IN ('flag', 'audit', 'colleague', 'search')), 
	CONSTRAINT ck_decision_how CHECK (how IN ('single', 'sweep', 'pair', 'product', 'bulk', 'import', 'api')), 
	CONSTRAINT ck_decision_outcome CHECK (outcome IN ('category', 'not_ours', 'unreadable', 'skip')), 
	CONSTRAINT fk_decision_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_decision_screen_id_review_screen FOREIGN KEY(screen_id) REFERENCES review_screen (id), 
	CONSTRAINT fk_decision_session_id_review_session FOREIGN KEY(session_id) REFERENCES review_session (id), 
	CONSTRAINT fk_decision_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_decision PRIMARY KEY (id), 
	CONSTRAINT uq_decision_user_id_key UNIQUE (user_id, "key")
);
CREATE TABLE "night_notice" (
	night TEXT NOT NULL, 
	notice TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	detail JSON NOT NULL, 
	CONSTRAINT ck_night_notice_notice CHECK (notice IN ('absent', 'late', 'missed', 'good', 'gate', 'report')), 
	CONSTRAINT pk_night_notice PRIMARY KEY (night, notice)
);
CREATE TABLE "plan" (
	id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	selection JSON NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	requested_by TEXT NOT NULL, 
	newest_first BOOLEAN NOT NULL, 
	up_to_object INTEGER NOT NULL, 
	figures JSON NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	frozen_at VARCHAR(26), 
	CONSTRAINT fk_plan_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT pk_plan PRIMARY KEY (id), 
	CONSTRAINT uq_plan_code UNIQUE (code)
);
CREATE TABLE "plan_item" (
	plan_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	version_token TEXT NOT NULL, 
	category TEXT, 
	state TEXT, 
	CONSTRAINT pk_plan_item PRIMARY KEY (plan_id, position, object_id)
);
CREATE TABLE "review_claim" (
	object_id INTEGER NOT NULL, 
	screen_id INTEGER NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_review_claim PRIMARY KEY (object_id)
);
CREATE TABLE "run" (
	id INTEGER NOT NULL, 
	logical_key TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	selection JSON NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	requested_by TEXT NOT NULL, 
	state TEXT NOT NULL, 
	cursor TEXT NOT NULL, 
	counts JSON NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	finished_at VARCHAR(26), held_in TEXT, bucket TEXT, 
	CONSTRAINT ck_run_state CHECK (state IN ('planned', 'scanning', 'running', 'paused', 'finished', 'cancelled', 'failed')), 
	CONSTRAINT fk_run_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT pk_run PRIMARY KEY (id), 
	CONSTRAINT uq_run_logical_key UNIQUE (logical_key)
);
CREATE TABLE "source_object" (
	id INTEGER NOT NULL, 
	bucket TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	version_token TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	last_modified VARCHAR(26) NOT NULL, 
	product_id TEXT, 
	first_seen VARCHAR(26) NOT NULL, 
	gone_at VARCHAR(26), 
	missing_in_run INTEGER, changed_at VARCHAR(26), 
	CONSTRAINT pk_source_object PRIMARY KEY (id AUTOINCREMENT), 
	CONSTRAINT uq_source_object_bucket_key UNIQUE (bucket, "key")
);
CREATE TABLE "tag_event" (
	id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	old JSON, 
	new JSON NOT NULL, 
	actor TEXT NOT NULL, 
	why TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_tag_event_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT pk_tag_event PRIMARY KEY (id AUTOINCREMENT), 
	CONSTRAINT uq_tag_event_object_id_seq UNIQUE (object_id, seq)
);
CREATE TABLE "work_item" (
	id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	version_token TEXT NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	request_id TEXT NOT NULL, 
	run_id INTEGER NOT NULL, 
	queue TEXT NOT NULL, 
	priority SMALLINT NOT NULL, 
	state TEXT NOT NULL, 
	eligible_at VARCHAR(26) NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	failures SMALLINT DEFAULT '0' NOT NULL, 
	crashes SMALLINT DEFAULT '0' NOT NULL, 
	claimed_alone BOOLEAN DEFAULT 0 NOT NULL, 
	lease_owner TEXT, 
	reason TEXT, 
	detail TEXT, losses SMALLINT DEFAULT '0' NOT NULL, cap INTEGER, failed_under TEXT, bucket TEXT, 
	CONSTRAINT ck_work_item_state CHECK (state IN ('pending', 'leased', 'done', 'skipped', 'quarantined', 'cancelled')), 
	CONSTRAINT fk_work_item_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT fk_work_item_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_work_item_run_id_run FOREIGN KEY(run_id) REFERENCES run (id), 
	CONSTRAINT pk_work_item PRIMARY KEY (id AUTOINCREMENT), 
	CONSTRAINT uq_work_item_request UNIQUE (object_id, model_version_id, version_token, request_id)
);
CREATE TABLE act (
	id INTEGER NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	actor TEXT NOT NULL, 
	act TEXT NOT NULL, 
	about TEXT, 
	address TEXT, 
	CONSTRAINT pk_act PRIMARY KEY (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE api_token (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	token_hash TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_api_token_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_api_token PRIMARY KEY (id), 
	CONSTRAINT uq_api_token_token_hash UNIQUE (token_hash)
);
CREATE TABLE category_owner (
	category TEXT NOT NULL, 
	user_id INTEGER NOT NULL, 
	CONSTRAINT fk_category_owner_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_category_owner PRIMARY KEY (category, user_id)
);
CREATE TABLE classification (
	id INTEGER NOT NULL, 
	work_item_id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	fence INTEGER NOT NULL, 
	category TEXT NOT NULL, 
	confidence INTEGER NOT NULL, 
	scores JSON NOT NULL, 
	ood_score DOUBLE, 
	needs_review BOOLEAN NOT NULL, 
	review_reason TEXT, 
	created_at VARCHAR(26) NOT NULL, audit_share DOUBLE, fingerprint BLOB, 
	CONSTRAINT fk_classification_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT fk_classification_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_classification_work_item_id_work_item FOREIGN KEY(work_item_id) REFERENCES work_item (id), 
	CONSTRAINT pk_classification PRIMARY KEY (id), 
	CONSTRAINT uq_classification_work_item_id UNIQUE (work_item_id)
);
CREATE TABLE forgotten (
	digest TEXT NOT NULL, 
	salt TEXT NOT NULL, 
	CONSTRAINT pk_forgotten PRIMARY KEY (digest)
);
CREATE TABLE gate_finding (
	run_id INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	detail JSON NOT NULL, 
	accepted_by TEXT, 
	accepted_at VARCHAR(26), 
	accepted_why TEXT, 
	CONSTRAINT ck_gate_finding_action CHECK (action IN ('learning', 'warned', 'held')), 
	CONSTRAINT fk_gate_finding_run_id_run FOREIGN KEY(run_id) REFERENCES run (id), 
	CONSTRAINT pk_gate_finding PRIMARY KEY (run_id)
);
CREATE TABLE image_comment (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	object_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_image_comment_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_image_comment_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_image_comment PRIMARY KEY (id), 
	CONSTRAINT uq_image_comment_user_id_key UNIQUE (user_id, "key")
);
CREATE TABLE image_tag (
	object_id INTEGER NOT NULL, 
	category TEXT NOT NULL, 
	confidence INTEGER NOT NULL, 
	needs_review BOOLEAN NOT NULL, 
	review_reason TEXT, 
	source TEXT NOT NULL, 
	model_version_id INTEGER, 
	version INTEGER NOT NULL, 
	tagged_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_image_tag_source CHECK (source IN ('model', 'human')), 
	CONSTRAINT fk_image_tag_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT fk_image_tag_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT pk_image_tag PRIMARY KEY (object_id)
);
CREATE TABLE leader_lease (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	fence INTEGER NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_leader_lease PRIMARY KEY (name)
);
CREATE TABLE login_throttle (
	subject TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	last_at VARCHAR(26) NOT NULL, 
	blocked_until VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_login_throttle PRIMARY KEY (subject)
);
CREATE TABLE model_promotion (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	model_version_id INTEGER NOT NULL, 
	replaced_id INTEGER, 
	actor TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	forced BOOLEAN NOT NULL, 
	detail JSON NOT NULL, 
	CONSTRAINT ck_model_promotion_action CHECK (action IN ('promote', 'rollback')), 
	CONSTRAINT fk_model_promotion_model_version_id_model_version FOREIGN KEY(model_version_id) REFERENCES model_version (id), 
	CONSTRAINT fk_model_promotion_replaced_id_model_version FOREIGN KEY(replaced_id) REFERENCES model_version (id), 
	CONSTRAINT pk_model_promotion PRIMARY KEY (id), 
	CONSTRAINT uq_model_promotion_name_seq UNIQUE (name, seq)
);
CREATE TABLE model_version (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	location TEXT, 
	registered_at VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_model_version PRIMARY KEY (id), 
	CONSTRAINT uq_model_version_name_version UNIQUE (name, version)
);
CREATE TABLE plan_change (
	plan_id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	"before" TEXT NOT NULL, 
	becomes TEXT NOT NULL, 
	confidence INTEGER NOT NULL, 
	CONSTRAINT pk_plan_change PRIMARY KEY (plan_id, object_id)
);
CREATE TABLE probe (
	id INTEGER NOT NULL, 
	screen_id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	session_id INTEGER, 
	shown TEXT NOT NULL, 
	truth TEXT NOT NULL, 
	shown_at VARCHAR(26) NOT NULL, 
	"key" TEXT, 
	outcome TEXT, 
	category TEXT, 
	found BOOLEAN, 
	dwell_ms INTEGER, 
	answered_at VARCHAR(26), 
	CONSTRAINT ck_probe_outcome CHECK (outcome IN ('category', 'not_ours', 'unreadable', 'skip')), 
	CONSTRAINT fk_probe_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_probe_screen_id_review_screen FOREIGN KEY(screen_id) REFERENCES review_screen (id), 
	CONSTRAINT fk_probe_session_id_review_session FOREIGN KEY(session_id) REFERENCES review_session (id), 
	CONSTRAINT fk_probe_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_probe PRIMARY KEY (id), 
	CONSTRAINT uq_probe_screen_id_object_id UNIQUE (screen_id, object_id), 
	CONSTRAINT uq_probe_user_id_key UNIQUE (user_id, "key")
);
CREATE TABLE retention (
	"of" TEXT NOT NULL, 
	until VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_retention PRIMARY KEY ("of")
);
CREATE TABLE review_screen (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	mode TEXT NOT NULL, 
	filters JSON NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_review_screen_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_review_screen PRIMARY KEY (id)
);
CREATE TABLE review_session (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	started_at VARCHAR(26) NOT NULL, 
	last_at VARCHAR(26) NOT NULL, 
	hurried INTEGER NOT NULL, 
	probes INTEGER NOT NULL, 
	found INTEGER NOT NULL, 
	CONSTRAINT fk_review_session_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_review_session PRIMARY KEY (id)
);
CREATE TABLE run_batch (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	images INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	results INTEGER NOT NULL, 
	flagged INTEGER NOT NULL, 
	unlike INTEGER NOT NULL, 
	band_0 INTEGER NOT NULL, 
	band_1 INTEGER NOT NULL, 
	band_2 INTEGER NOT NULL, 
	band_3 INTEGER NOT NULL, 
	band_4 INTEGER NOT NULL, 
	band_5 INTEGER NOT NULL, 
	band_6 INTEGER NOT NULL, 
	band_7 INTEGER NOT NULL, 
	band_8 INTEGER NOT NULL, 
	band_9 INTEGER NOT NULL, 
	read_us INTEGER NOT NULL, 
	decode_us INTEGER NOT NULL, 
	classify_us INTEGER NOT NULL, 
	record_us INTEGER NOT NULL, 
	CONSTRAINT pk_run_batch PRIMARY KEY (id)
);
CREATE TABLE run_count (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	items INTEGER NOT NULL, 
	CONSTRAINT pk_run_count PRIMARY KEY (id)
);
CREATE TABLE run_note (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	text TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_run_note_run_id_run FOREIGN KEY(run_id) REFERENCES run (id), 
	CONSTRAINT pk_run_note PRIMARY KEY (id)
);
CREATE TABLE schedule_pause (
	id INTEGER NOT NULL, 
	since VARCHAR(26) NOT NULL, 
	until VARCHAR(26), 
	actor TEXT NOT NULL, 
	why TEXT NOT NULL, 
	resumed_at VARCHAR(26), 
	resumed_by TEXT, 
	CONSTRAINT pk_schedule_pause PRIMARY KEY (id)
);
CREATE TABLE second_opinion (
	id INTEGER NOT NULL, 
	object_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	probability DOUBLE, 
	first_id INTEGER NOT NULL, 
	second_id INTEGER, 
	agreed BOOLEAN, 
	CONSTRAINT ck_second_opinion_kind CHECK (kind IN ('colleague', 'double')), 
	CONSTRAINT fk_second_opinion_first_id_decision FOREIGN KEY(first_id) REFERENCES decision (id), 
	CONSTRAINT fk_second_opinion_object_id_source_object FOREIGN KEY(object_id) REFERENCES source_object (id), 
	CONSTRAINT fk_second_opinion_second_id_decision FOREIGN KEY(second_id) REFERENCES decision (id), 
	CONSTRAINT pk_second_opinion PRIMARY KEY (id)
);
CREATE TABLE throttle (
	name TEXT NOT NULL, 
	until VARCHAR(26) NOT NULL, 
	strikes INTEGER NOT NULL, 
	reason TEXT NOT NULL, answered_at VARCHAR(26), 
	CONSTRAINT pk_throttle PRIMARY KEY (name)
);
CREATE TABLE user (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password_hash TEXT, 
	created_at VARCHAR(26) NOT NULL, 
	disabled_at VARCHAR(26), subject TEXT, 
	CONSTRAINT ck_user_role CHECK (role IN ('viewer', 'reviewer', 'operator', 'admin')), 
	CONSTRAINT pk_user PRIMARY KEY (id), 
	CONSTRAINT uq_user_name UNIQUE (name)
);
CREATE TABLE user_session (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	purpose TEXT NOT NULL, 
	token_hash TEXT NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	agent TEXT NOT NULL, 
	CONSTRAINT ck_user_session_purpose CHECK (purpose IN ('login', 'password')), 
	CONSTRAINT fk_user_session_user_id_user FOREIGN KEY(user_id) REFERENCES user (id), 
	CONSTRAINT pk_user_session PRIMARY KEY (id), 
	CONSTRAINT uq_user_session_token_hash UNIQUE (token_hash)
);
CREATE TABLE worker_heartbeat (
	name TEXT NOT NULL, 
	slots INTEGER NOT NULL, 
	started_at VARCHAR(26) NOT NULL, 
	seen_at VARCHAR(26) NOT NULL, role TEXT DEFAULT 'worker' NOT NULL, queues TEXT DEFAULT 'ops,nightly' NOT NULL, 
	CONSTRAINT pk_worker_heartbeat PRIMARY KEY (name)
);
CREATE INDEX ix_classification_object_id ON classification (object_id);
CREATE INDEX ix_decision_audit ON decision (id) WHERE drawn = 'audit';
CREATE INDEX ix_decision_key ON decision ("key");
CREATE INDEX ix_decision_object_id ON decision (object_id, id);
CREATE INDEX ix_decision_screen_id ON decision (screen_id);
CREATE INDEX ix_decision_session_id ON decision (session_id);
CREATE INDEX ix_decision_user_id ON decision (user_id, decided_at);
CREATE INDEX ix_image_comment_object_id ON image_comment (object_id, id);
CREATE INDEX ix_image_tag_audit ON image_tag (object_id) WHERE needs_review AND review_reason = 'audit';
CREATE INDEX ix_image_tag_category ON image_tag (category, object_id);
CREATE INDEX ix_image_tag_review ON image_tag (confidence, object_id) WHERE needs_review = 1;
CREATE INDEX ix_image_tag_review_age ON image_tag (tagged_at, object_id) WHERE needs_review = 1 AND tagged_at IS NOT NULL;
CREATE INDEX ix_image_tag_review_category ON image_tag (category, confidence, object_id) WHERE needs_review = 1;
CREATE INDEX ix_image_tag_review_reason ON image_tag (review_reason, confidence, object_id) WHERE needs_review = 1 AND review_reason IS NOT NULL;
CREATE INDEX ix_plan_change_becomes ON plan_change (plan_id, becomes, confidence, object_id);
CREATE INDEX ix_probe_object_id ON probe (object_id);
CREATE INDEX ix_probe_session_id ON probe (session_id);
CREATE INDEX ix_review_claim_screen_id ON review_claim (screen_id);
CREATE INDEX ix_review_screen_user_id ON review_screen (user_id);
CREATE INDEX ix_review_session_user_id ON review_session (user_id, last_at);
CREATE INDEX ix_run_batch_run_id ON run_batch (run_id);
CREATE INDEX ix_run_count_name ON run_count (run_id, name);
CREATE INDEX ix_run_note_run_id ON run_note (run_id);
CREATE INDEX ix_run_unfinished ON run (state);
CREATE INDEX ix_second_opinion_first_id ON second_opinion (first_id);
CREATE INDEX ix_second_opinion_object_id ON second_opinion (object_id);
CREATE INDEX ix_second_opinion_second_id ON second_opinion (second_id);
CREATE INDEX ix_source_object_missing_in_run ON source_object (missing_in_run);
CREATE INDEX ix_source_object_of_product ON source_object (id) WHERE product_id IS NOT NULL;
CREATE INDEX ix_source_object_product_id ON source_object (product_id);
CREATE INDEX ix_tag_event_actor ON tag_event (actor, id);
CREATE INDEX ix_user_session_user_id ON user_session (user_id);
CREATE INDEX ix_work_item_claim ON work_item (queue, run_id, priority, eligible_at, id) WHERE state = 'pending';
CREATE INDEX ix_work_item_claim_of_store ON work_item (queue, run_id, bucket, priority, eligible_at, id) WHERE state = 'pending' AND bucket IS NOT NULL;
CREATE INDEX ix_work_item_leases ON work_item (queue, eligible_at, id) WHERE state = 'leased';
CREATE INDEX ix_work_item_often_claimed ON work_item (id) WHERE state IN ('pending', 'leased') AND fence > 50;
CREATE INDEX ix_work_item_reason ON work_item (reason, object_id) WHERE reason IS NOT NULL;
CREATE INDEX ix_work_item_run ON work_item (run_id, state);
CREATE TRIGGER count_added_items AFTER INSERT ON work_item BEGIN INSERT INTO run_count (run_id, name, items) SELECT NEW.run_id, NEW.state, 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = NEW.run_id AND name = NEW.state); UPDATE run_count SET items = items + 1 WHERE run_id = NEW.run_id AND name = NEW.state; END;
CREATE TRIGGER count_changed_items AFTER UPDATE OF state, run_id ON work_item FOR EACH ROW WHEN OLD.state != NEW.state OR OLD.run_id != NEW.run_id BEGIN INSERT INTO run_count (run_id, name, items) SELECT OLD.run_id, OLD.state, 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = OLD.run_id AND name = OLD.state); UPDATE run_count SET items = items - 1 WHERE run_id = OLD.run_id AND name = OLD.state;INSERT INTO run_count (run_id, name, items) SELECT NEW.run_id, NEW.state, 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = NEW.run_id AND name = NEW.state); UPDATE run_count SET items = items + 1 WHERE run_id = NEW.run_id AND name = NEW.state; END;
CREATE TRIGGER count_flagged_results AFTER INSERT ON classification FOR EACH ROW WHEN NEW.needs_review BEGIN INSERT INTO run_count (run_id, name, items) SELECT (SELECT run_id FROM work_item WHERE id = NEW.work_item_id), 'needs_review', 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = (SELECT run_id FROM work_item WHERE id = NEW.work_item_id) AND name = 'needs_review'); UPDATE run_count SET items = items + 1 WHERE run_id = (SELECT run_id FROM work_item WHERE id = NEW.work_item_id) AND name = 'needs_review'; END;
CREATE TRIGGER count_removed_items AFTER DELETE ON work_item BEGIN INSERT INTO run_count (run_id, name, items) SELECT OLD.run_id, OLD.state, 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = OLD.run_id AND name = OLD.state); UPDATE run_count SET items = items - 1 WHERE run_id = OLD.run_id AND name = OLD.state; END;
CREATE TRIGGER count_removed_results AFTER DELETE ON classification FOR EACH ROW WHEN OLD.needs_review BEGIN INSERT INTO run_count (run_id, name, items) SELECT (SELECT run_id FROM work_item WHERE id = OLD.work_item_id), 'needs_review', 0 WHERE NOT EXISTS (SELECT 1 FROM run_count WHERE run_id = (SELECT run_id FROM work_item WHERE id = OLD.work_item_id) AND name = 'needs_review'); UPDATE run_count SET items = items - 1 WHERE run_id = (SELECT run_id FROM work_item WHERE id = OLD.work_item_id) AND name = 'needs_review'; END;
CREATE UNIQUE INDEX ix_user_subject ON user (subject);
CREATE UNIQUE INDEX uq_second_opinion_open ON second_opinion (object_id) WHERE second_id IS NULL;
CREATE UNIQUE INDEX uq_work_item_open ON work_item (object_id, model_version_id) WHERE state IN ('pending', 'leased');
CREATE VIEW catalogue_tags AS
SELECT o.bucket, o.key, o.product_id, t.category,
       round(t.confidence / 10000.0, 4) AS confidence,
       t.needs_review, t.review_reason, t.source,
       CASE WHEN m.id IS NULL THEN NULL ELSE m.name || '@' || m.version END AS model,
       t.tagged_at
FROM image_tag t
JOIN source_object o ON o.id = t.object_id
LEFT JOIN model_version m ON m.id = t.model_version_id
WHERE o.gone_at IS NULL;
CREATE VIEW product_tags AS
WITH votes AS (
    SELECT o.bucket, o.product_id, t.category,
           sum(t.confidence) AS weight,
           sum(CASE WHEN t.source = 'human' THEN 1 ELSE 0 END) AS people
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL AND t.category <> ''
    GROUP BY o.bucket, o.product_id, t.category
), totals AS (
    SELECT o.bucket, o.product_id, count(*) AS images,
           sum(CASE WHEN t.needs_review THEN 1 ELSE 0 END) AS images_to_review,
           max(t.tagged_at) AS tagged_at
    FROM image_tag t JOIN source_object o ON o.id = t.object_id
    WHERE o.gone_at IS NULL AND o.product_id IS NOT NULL AND t.category <> ''
    GROUP BY o.bucket, o.product_id
), ranked AS (
    SELECT v.*, row_number() OVER (
        PARTITION BY v.bucket, v.product_id ORDER BY v.people DESC, v.weight DESC, v.category
    ) AS place
    FROM votes v
)
SELECT r.bucket, r.product_id, r.category,
       round(r.weight / 10000.0 / n.images, 4) AS confidence,
       n.images, n.images_to_review, n.tagged_at
FROM ranked r JOIN totals n ON n.bucket = r.bucket AND n.product_id = r.product_id
WHERE r.place = 1;
INSERT INTO "alembic_version" VALUES('0021');

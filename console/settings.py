"""All settings. Every difference between deployments is an environment variable; `.env.example` lists them."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog
from csp.constants import NONE, SELF

from console.env import (
    ENVIRONMENTS,
    RELAXED_ENVIRONMENTS,
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_map,
    env_required,
    env_str,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env_str("VAR_DIR", str(BASE_DIR / "var")))

#: What this is; an unknown name stops everything.
ENVIRONMENT = env_choice("ENVIRONMENT", "production", known=ENVIRONMENTS)
#: Nothing real is at stake: what else is an error is let pass. Never inferred, only said.
IS_RELAXED = ENVIRONMENT in RELAXED_ENVIRONMENTS
DEMO_ENABLED = env_bool("DEMO_ENABLED", ENVIRONMENT in {"demo", "test"})
DEBUG = env_bool("DEBUG", False)
_is_test = ENVIRONMENT == "test"
SECRET_KEY = env_required(
    "SECRET_KEY",
    default="not-secret-only-for-tests-and-checks-0123456789abcdef" if _is_test else None,
    example="the output of `python3 -c 'import secrets; print(secrets.token_urlsafe(48))'`",
)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver" if IS_RELAXED else "")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
BASE_URL = env_str("BASE_URL", "http://127.0.0.1:8000")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "template_partials",
    "csp",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "policies",
    "moderation",
    "feed",
    "console",
]

MIDDLEWARE = [
    "console.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "console.identity.acting.ActingMiddleware",
    "console.identity.session_life.SessionLifeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.identity.second_factor.SecondFactorMiddleware",
    "console.security_policy.SecurityPolicyMiddleware",
    "console.strict_text.StrictTextMiddleware",
    "console.refusals.MethodRefusedMiddleware",
    "console.api.limits.BodyLimitMiddleware",  # last, so that a refusal has the headers of any answer; none before it reads
]

ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Draws plain inputs without a template each: a draft has 150 of them on one page.
FORM_RENDERER = "console.pages.form_renderer.PlainInputs"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.pages.context_processors.console",
            ],
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """Turn a postgresql:// URL (host may be a socket directory in ?host=) into Django's settings."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "gatehouse",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": parts.port or query.pop("port", "") or "",
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": env_int("DATABASE_CONN_MAX_AGE", 600, minimum=0),
        # Concerns only what goes through moderation.db.statements: the ORM puts values into its statements itself.
        "OPTIONS": {"connect_timeout": 5, "prepare_threshold": 0, **query},
    }


DATABASE_URL = env_required(
    "DATABASE_URL",
    default="postgresql://gatehouse_app@127.0.0.1:5432/gatehouse" if _is_test else None,
    example="postgresql://USER:PASSWORD@HOST:5432/gatehouse",
)
DATABASES = {"default": _database(DATABASE_URL)}
DATABASE_ROLE: str = DATABASES["default"]["USER"]
#: Who migrates; empty where DATABASE_URL's role does, which then could undo the record. Everything else runs as DATABASE_URL.
_owner_url = env_str("DATABASE_OWNER_URL")
DATABASE_OWNER = {
    name: value for name, value in _database(_owner_url).items() if name in {"USER", "PASSWORD", "HOST", "PORT"}
} if _owner_url else {}  # fmt: skip

REDIS_URL = env_required(
    "REDIS_URL", default="redis://127.0.0.1:6379/0" if _is_test else None, example="rediss://:PASSWORD@HOST:6379/0"
)
CACHES = {
    "default": {
        "BACKEND": "console.degrading_cache.DegradingRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.5},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # sessions survive a restart of Redis

# --- sign-in -----------------------------------------------------------------------------------------------------
# The first says what a person may; the second signs people in.
AUTHENTICATION_BACKENDS = [
    "console.backends.PermissionBackend",
    "console.backends.SignInBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "console.identity.sign_ins.TellingAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Gatehouse"
#: Whoever may do what these roles may signs in with a second factor: until they have set one up, they reach nothing else.
#: "none" switches it off, as in the demo.
MFA_REQUIRED_ROLES = [
    role
    for role in env_list(
        "MFA_REQUIRED_ROLES",
        "none" if ENVIRONMENT in {"demo", "test"} else "senior,policy-editor,policy-approver,admin",
    )
    if role != "none"
]
#: A session ends after so long without a sign of the person (a page that asks for news by itself is none), and after so long
#: whatever they do.
SESSION_IDLE_SECONDS = 60 * env_int("SESSION_IDLE_MINUTES", 720 if ENVIRONMENT == "demo" else 30, minimum=1)
SESSION_LIFE_SECONDS = 3_600 * env_int("SESSION_LIFE_HOURS", 12, minimum=1)
SESSION_COOKIE_AGE = SESSION_LIFE_SECONDS
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
EMAIL_BACKEND = env_str(
    "EMAIL_BACKEND", f"django.core.mail.backends.{'console' if IS_RELAXED else 'smtp'}.EmailBackend"
)
EMAIL_HOST = env_str("EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25, minimum=1)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", "gatehouse@localhost")

# --- security ----------------------------------------------------------------------------------------------------
_https = env_bool("HTTPS", not IS_RELAXED)
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz|metrics)$"]  # asked by machines next to us, without TLS
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
CSRF_FAILURE_VIEW = "console.refusals.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
BEHIND_PROXY = env_bool("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
#: Where pages may load media from besides this server: the origin of MEDIA_URL, where that is another one.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- language and time -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- files -------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
MEDIA_ROOT = Path(env_str("MEDIA_ROOT", str(VAR_DIR / "media")))
MEDIA_URL = env_str("MEDIA_URL", "/media/")
#: So long a feed's media address is worth asking (it dies earlier with the clearance): a page of clips, watched.
MEDIA_ADDRESS_SECONDS = env_int("MEDIA_ADDRESS_SECONDS", 600, minimum=60)
#: Answers of more than a MiB that one web process streams at a time. Each holds a thread, and some must be left for the feed.
MEDIA_STREAMS = env_int("MEDIA_STREAMS", 64, minimum=1)
MEDIA_BACKEND = env_str("MEDIA_BACKEND", "file")
_media_storage: dict[str, Any] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": MEDIA_ROOT,
        "base_url": MEDIA_URL,
        "file_permissions_mode": 0o640,
        "directory_permissions_mode": 0o750,  # uploads are nobody else's to read
    },
}
if MEDIA_BACKEND == "s3":
    _media_storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env_str("MEDIA_S3_BUCKET"),
            "endpoint_url": env_str("MEDIA_S3_ENDPOINT") or None,
            "region_name": env_str("MEDIA_S3_REGION") or None,
            "access_key": env_str("MEDIA_S3_ACCESS_KEY") or None,
            "secret_key": env_str("MEDIA_S3_SECRET_KEY") or None,
            "querystring_auth": True,
            "signature_version": "s3v4",  # with an endpoint of its own, boto would sign in the old way
            "file_overwrite": True,  # keys are content hashes: the same key is the same bytes
        },
    }
STORAGES = {
    "default": _media_storage,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if _is_test
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_MAX_VIDEO_BYTES = env_int("MEDIA_MAX_VIDEO_BYTES", 200 * 2**20, minimum=1)
MEDIA_MAX_IMAGE_BYTES = env_int("MEDIA_MAX_IMAGE_BYTES", 20 * 2**20, minimum=1)
#: What keeps decoders from everything but their file; take one away only where it breaks decoding, and see `manage.py runs_as`.
MEDIA_CONFINEMENT = env_list("MEDIA_CONFINEMENT", "landlock,seccomp,uid,namespace")
#: Whom decoders of a process of root become where the kernel has no Landlock. No other program may run as this number.
MEDIA_DECODER_UID = env_int("MEDIA_DECODER_UID", 64_117, minimum=1)
#: Nothing is decoded where a decoder could get at more.
MEDIA_CONFINEMENT_REQUIRED = not IS_RELAXED
# Anything above 1 MiB goes to a temporary file while it is received; never to memory whole.
FILE_UPLOAD_MAX_MEMORY_SIZE = 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20
#: A section of a draft can have a hundred rows of several fields each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
DATA_UPLOAD_MAX_NUMBER_FILES = 4

#: Threads of each web process that run Django; each holds a database connection. See console/edge.
WEB_THREADS = env_int("WEB_THREADS", 4, minimum=1)

# --- API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["console.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["console.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["console.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_METADATA_CLASS": "console.api.metadata.Methods",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "console.api.problems.problem_handler",
    "UNAUTHENTICATED_USER": None,
    # How many proxies of ours stand in front: only so many entries of X-Forwarded-For are believed; see console/api/throttling.py.
    "NUM_PROXIES": env_int("NUM_PROXIES", 1 if BEHIND_PROXY else 0, minimum=0),
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
API_RATE_PER_MINUTE = env_int("API_RATE_PER_MINUTE", 12_000, minimum=1)
SPECTACULAR_SETTINGS = {
    "TITLE": "Gatehouse API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,  # files are binary in requests and addresses in answers
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "console.api.schema.problems_documented",
        "console.api.schema.examples_given",
    ],
}

# --- background work ---------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300  # seconds; a task that hangs is killed and its message goes back
CELERY_TASK_SOFT_TIME_LIMIT = 240
#: Of the deep pass alone: ten minutes of sound take long on one core. The soft limit comes a minute earlier.
DEEP_TIME_LIMIT_SECONDS = env_int("DEEP_TIME_LIMIT_SECONDS", 600, minimum=90)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 2 * DEEP_TIME_LIMIT_SECONDS,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "queue_order_strategy": "priority",  # a worker of several queues reads them in the order in which it names them
}
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_ROUTES = {
    "moderation.tasks.item_examine": {"queue": "deep.io"},
    "moderation.tasks.detector_run": {"queue": "deep.cpu"},
    "moderation.tasks.file_rerun": {"queue": "deep.rerun"},
    "moderation.tasks.item_reexamine": {"queue": "intake"},
}
CELERY_BEAT_SCHEDULE = {
    "leases-expire": {"task": "moderation.tasks.leases_expire", "schedule": 15.0, "options": {"expires": 15}},
    "decisions-waiting": {"task": "moderation.tasks.waiting_apply_due", "schedule": 1.0, "options": {"expires": 2}},
    "drafts-expire": {"task": "moderation.tasks.drafts_expire", "schedule": 3_600.0, "options": {"expires": 3_600}},
    "clearances-expire": {"task": "moderation.tasks.clearances_expire", "schedule": 60.0, "options": {"expires": 60}},
    "items-reconcile": {"task": "moderation.tasks.items_reconcile", "schedule": 30.0, "options": {"expires": 30}},
    "bank-matches": {"task": "moderation.tasks.bank_matches_watch", "schedule": 30.0, "options": {"expires": 30}},
    "campaigns": {"task": "moderation.tasks.campaigns_watch", "schedule": 5.0, "options": {"expires": 5}},
    "scores": {"task": "moderation.tasks.scores_summarise", "schedule": 900.0, "options": {"expires": 900}},
    "emergency-terms": {"task": "moderation.tasks.emergency_terms_watch", "schedule": 15.0, "options": {"expires": 15}},
    "activations": {"task": "moderation.tasks.activations_resume", "schedule": 2.0, "options": {"expires": 2}},
    "shadows": {"task": "moderation.tasks.shadows_record", "schedule": 5.0, "options": {"expires": 5}},
    "canary": {"task": "moderation.tasks.canary_guard", "schedule": 60.0, "options": {"expires": 60}},
    "simulations-expire": {"task": "moderation.tasks.simulations_expire", "schedule": 60.0, "options": {"expires": 60}},
    "audit-settle": {"task": "moderation.tasks.audit_settle", "schedule": 60.0, "options": {"expires": 60}},
    "reruns": {"task": "moderation.tasks.reruns_advance", "schedule": 10.0, "options": {"expires": 10}},
    "samples": {"task": "moderation.tasks.samples_sweep", "schedule": 600.0, "options": {"expires": 600}},
    "reach": {"task": "console.tasks.reach_refresh", "schedule": 300.0, "options": {"expires": 300}},
    "feed-popularity": {"task": "feed.tasks.popularity_refresh", "schedule": 20.0, "options": {"expires": 20}},
}

# --- moderation --------------------------------------------------------------------------------------------------
ONPATH_DEADLINE_MS = env_int("ONPATH_DEADLINE_MS", 50, minimum=5)
OUTBOX_MAX_ATTEMPTS = env_int("OUTBOX_MAX_ATTEMPTS", 5, minimum=1)
#: A message that no consumer took up is sent again after this long; consumers renew their claim while they work.
OUTBOX_RESEND_AFTER_SECONDS = env_int("OUTBOX_RESEND_AFTER_SECONDS", 120, minimum=1)
OUTBOX_CLAIM_SECONDS = env_int("OUTBOX_CLAIM_SECONDS", 30, minimum=3)
CLEARANCE_VALID_DAYS = env_int("CLEARANCE_VALID_DAYS", 90, minimum=1)
LEASE_SECONDS = env_int("LEASE_SECONDS", 600, minimum=10)
#: What a person decides and lets anybody see more takes effect so long after, and can be taken back until then; 0: at once.
#: It is 0 in tests, whose decisions are looked at when they are made; those of the waiting itself set it.
CLEARING_WAITS_SECONDS = env_int("CLEARING_WAITS_SECONDS", 0 if _is_test else 10, minimum=0)
#: A gate whose view is older than this denies everything: with polls every GATE_POLL_MS it bounds revocation.
GATE_MAX_AGE_MS = env_int("GATE_MAX_AGE_MS", 1_000, minimum=50)
GATE_POLL_MS = env_int("GATE_POLL_MS", 100, minimum=10)
#: Tests see their own transaction's banks only on its connection.
BANKS_FOLLOW_IN_THREAD = not _is_test
#: A hash that so many creators meet within the window is held for people until somebody looked.
BANKS_FLOOD_CREATORS = env_int("BANKS_FLOOD_CREATORS", 20, minimum=2)
BANKS_FLOOD_MINUTES = env_int("BANKS_FLOOD_MINUTES", 60, minimum=1)
#: So many near-identical captions of so many creators within the window are one campaign. Shorter captions never count.
CAMPAIGN_ITEMS = env_int("CAMPAIGN_ITEMS", 30, minimum=2)
CAMPAIGN_CREATORS = env_int("CAMPAIGN_CREATORS", 15, minimum=2)
CAMPAIGN_WINDOW_MINUTES = env_int("CAMPAIGN_WINDOW_MINUTES", 10, minimum=1)
CAMPAIGN_MIN_LETTERS = env_int("CAMPAIGN_MIN_LETTERS", 24, minimum=10)
#: Captions that come so long after a campaign was opened or decided still join it.
CAMPAIGN_LIVE_MINUTES = env_int("CAMPAIGN_LIVE_MINUTES", 1_440, minimum=1)
#: What the classifier says of an upload that a campaign holds is asked so long after it came, off the path.
CAMPAIGN_EXAMINE_AFTER_MINUTES = env_int("CAMPAIGN_EXAMINE_AFTER_MINUTES", 10, minimum=0)
#: Web processes look this often which campaigns there are.
CAMPAIGN_REFRESH_SECONDS = env_int("CAMPAIGN_REFRESH_SECONDS", 1, minimum=1)
#: An act that touches so many items, or uploads with so many expected views, waits for a second person.
WIDE_ACT_ITEMS = env_int("WIDE_ACT_ITEMS", 1_000, minimum=1)
WIDE_ACT_VIEWS = env_int("WIDE_ACT_VIEWS", 1_000_000, minimum=1)
#: Of what an act touches, the newest so many are counted one by one; beyond them numbers say "at least".
WIDE_LOOK_ITEMS = env_int("WIDE_LOOK_ITEMS", 20_000, minimum=100)
#: A confirmation is refused where the act reaches further by now than its asker saw, by more than this.
WIDE_GROWTH_PERCENT = env_int("WIDE_GROWTH_PERCENT", 20, minimum=0)
#: A look at stored content before an act takes no longer than this; what it did not get to is said.
WIDE_LOOK_MS = env_int("WIDE_LOOK_MS", 800, minimum=50)
#: An emergency term that nobody confirms ends after so long.
EMERGENCY_HOURS = env_int("EMERGENCY_HOURS", 24, minimum=1)
#: A term that more of the newest captions hold (in thousandths) needs a version and a simulation, not an emergency.
EMERGENCY_MAX_PERMILLE = env_int("EMERGENCY_MAX_PERMILLE", 20, minimum=1)
#: So far back, what is served is looked at again when an emergency term is added.
#: One harmless canary in a hundred is taken back by mistake in its whole life; fewer mistakes make real ones found later.
CANARY_ALPHA_PERMILLE = env_int("CANARY_ALPHA_PERMILLE", 10, minimum=1)
#: Below so many items in an arm a few busy creators could be all there is.
CANARY_MIN_ITEMS = env_int("CANARY_MIN_ITEMS", 200, minimum=1)
#: Differences to the control, in thousandths, that a version is meant to be able to make. Overturned verdicts are rare, and
#: each is a mistake that somebody proved.
CANARY_MARGIN_PERMILLE = {
    "block": env_int("CANARY_MARGIN_BLOCK_PERMILLE", 10, minimum=0),
    "escalate": env_int("CANARY_MARGIN_ESCALATE_PERMILLE", 20, minimum=0),
    "hold": env_int("CANARY_MARGIN_HOLD_PERMILLE", 20, minimum=0),
    "overturn": env_int("CANARY_MARGIN_OVERTURN_PERMILLE", 5, minimum=0),
}
#: A worker that replays evidence says so at least this often; another takes over after it.
ACTIVATION_CLAIM_SECONDS = env_int("ACTIVATION_CLAIM_SECONDS", 30, minimum=1)
#: Stored evidence that web and worker processes keep in memory for simulations: a million items take about 150 MB.
SIMULATION_DAYS = env_int("SIMULATION_DAYS", 90, minimum=1)
#: Detector -> resource, whose queue its tasks wait in: io, cpu or gpu. What is not named runs on cpu.
DEEP_PLACES = env_map("DEEP_PLACES", "frames=io", values=("io", "cpu", "gpu"))
#: What this worker has. A detector of one of these runs at once on a clip that lies on its bench; others get a task each.
DEEP_HERE = frozenset(env_list("DEEP_HERE", "io,cpu,gpu"))
#: So many messages of one deep queue are with the broker at a time; all others wait in the database, in order.
DEEP_WINDOW = env_int("DEEP_WINDOW", 32, minimum=1)
#: So far the upload of a creator whom nobody watches waits behind one of a creator whom millions do, if both came at once.
DEEP_SPREAD_SECONDS = env_int("DEEP_SPREAD_SECONDS", 600, minimum=0)
#: A deep queue that is later than this is pressed: what few people wait for then waits this much longer, held.
DEEP_PRESSURE_SECONDS = env_int("DEEP_PRESSURE_SECONDS", 300, minimum=1)
DEEP_SHED_SECONDS = env_int("DEEP_SHED_SECONDS", 3_600, minimum=0)
#: What `deep_wanted_workers` aims at: a clip waits no longer than this.
DEEP_TARGET_SECONDS = env_int("DEEP_TARGET_SECONDS", 60, minimum=1)
#: Samples for other workers are removed after so many hours; they can be made again.
DEEP_SAMPLES_HOURS = env_int("DEEP_SAMPLES_HOURS", 24, minimum=1)
#: Empty for the shipped starter, a file, a name of openai-whisper's, URL#SHA256, or "off"; see docs/deep.md.
WHISPER_MODEL_PATH = env_str("WHISPER_MODEL_PATH")
WHISPER_DEVICE = env_str("WHISPER_DEVICE", "auto")  # cpu, cuda, or auto: CUDA where there is one
#: Empty for the shipped starter model, a folder with an open_clip model, or `off`; see docs/deep.md.
VISION_MODEL_PATH = env_str("VISION_MODEL_PATH")
#: Empty for the shipped classifier, a folder, or hub:owner/name@REVISION#SHA256; see docs/detectors.md.
TEXT_MODEL_PATH = env_str("TEXT_MODEL_PATH")
#: Dotted path of a callable (text, language) -> translated text; empty: reviewers see the original, and its language named.
TRANSLATION_SERVICE = env_str("TRANSLATION_SERVICE")
MODELS_FOLDER = env_str("MODELS_FOLDER", str(VAR_DIR / "models"))

# --- seeing inside -----------------------------------------------------------------------------------------------
METRICS_TOKEN = env_str("METRICS_TOKEN")  # empty: /metrics answers only to loopback
LOG_LEVEL = env_str("LOG_LEVEL", "INFO")
_log_chain: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_log_chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _log_chain,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": [], "propagate": False},
        # DisallowedHost and friends are noise from scanners; the 4xx counter has them.
        "django.security.DisallowedHost": {"handlers": [], "propagate": False},
        "faiss.loader": {"level": "WARNING"},
        # faiss tells at every start which instruction sets it tried.
        "faiss": {"level": "WARNING"},
    },
}

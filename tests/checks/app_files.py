"""One right settings file of each application: path, text, application, host and port, TLS, user."""

LARAVEL = """\
APP_NAME="My shop"
MAIL_MAILER=smtp
MAIL_HOST=smtp.gmail.com
MAIL_PORT=587
MAIL_USERNAME=me@example.net
MAIL_PASSWORD="a long # secret-1"
MAIL_ENCRYPTION=tls
MAIL_FROM_ADDRESS="shop@acme-tools.com"
MAIL_FROM_NAME="${APP_NAME}"
"""
DJANGO = """\
export EMAIL_HOST='smtp.gmail.com'
EMAIL_PORT=587
EMAIL_USE_TLS=True
EMAIL_HOST_USER=me@example.net
EMAIL_HOST_PASSWORD=secret-2-secret
"""
NODE = "SMTP_HOST=smtp.gmail.com\nSMTP_PORT=465\nSMTP_SECURE=true\nSMTP_USER=me\nSMTP_PASS=secret-3-secret\n"
DSN = "MAILER_DSN=smtp://me%40example.net:secret%2F4-x@smtp.gmail.com:587\n"
DJANGO_URL = "EMAIL_URL=smtps://me:secret-5-secret@smtp.gmail.com:587\n"
FILES = (
    (
        "/srv/authentik.env",
        "AUTHENTIK_EMAIL__HOST=smtp.x.com\nAUTHENTIK_EMAIL__PORT=465\nAUTHENTIK_EMAIL__USERNAME=u\n"
        "AUTHENTIK_EMAIL__PASSWORD=geheim-77xx\nAUTHENTIK_EMAIL__USE_SSL=true\n",
        *("authentik", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/srv/config.py",
        "class Config:\n    MAIL_SERVER = 'smtp.x.com'\n    MAIL_PORT = 587\n    MAIL_USE_TLS = True\n"
        "    MAIL_USERNAME = 'u'\n    MAIL_PASSWORD = 'geheim-77xx'\n",
        *("flask", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/sites/default/settings.php",
        "<?php\n$config['smtp.settings']['smtp_on'] = TRUE;\n$config['smtp.settings']['smtp_host'] = 'smtp.x.com';\n"
        "$config['smtp.settings']['smtp_port'] = '587';\n$config['smtp.settings']['smtp_protocol'] = 'tls';\n"
        "$config['smtp.settings']['smtp_username'] = 'u';\n$config['smtp.settings']['smtp_password'] = 'geheim-77xx';\n",
        *("drupal", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/config/config.ini.php",
        '; <?php exit; ?> DO NOT REMOVE THIS LINE\n[mail]\ntransport = "smtp"\nport = 465\nhost = "smtp.x.com"\ntype = "Plain"\n'
        'username = "u"\npassword = "geheim-77xx"\nencryption = "ssl"\n',
        *("matomo", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/srv/application.yml",
        "spring:\n  mail:\n    host: smtp.x.com\n    port: 587\n    username: u\n    password: \"geheim-77xx\"\n    properties:\n"
        "      mail:\n        smtp:\n          auth: true\n          starttls:\n            enable: true\n            required: true\n"
        "---\nspring:\n  config:\n    activate:\n      on-profile: test\n  mail:\n    host: localhost\n    port: 1025\n",
        *("spring", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/application-prod.properties",
        "spring.mail.host=smtp.x.com\nspring.mail.port=465\nspring.mail.username=u\nspring.mail.password=geheim-77xx\n"
        "spring.mail.properties.mail.smtp.ssl.enable=true\n",
        *("spring", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/srv/app/settings.py",
        "EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\nEMAIL_HOST = 'smtp.x.com'\nEMAIL_PORT = 587\n"
        "EMAIL_USE_TLS = True\nEMAIL_HOST_USER='u'\nEMAIL_HOST_PASSWORD = os.environ.get('PW', 'geheim-77xx')\nDEFAULT_FROM_EMAIL = 'a@x.com'\n",
        *("django", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/config/environments/production.rb",
        "Rails.application.configure do\n  config.action_mailer.delivery_method = :smtp\n  config.action_mailer.smtp_settings = {\n"
        "    address: 'smtp.x.com',\n    port: 587,\n    user_name: 'u',\n    password: 'geheim-77xx',\n    enable_starttls_auto: true\n  }\nend\n",
        *("rails", "smtp.x.com:587", "starttls", "u"),
    ),
    ("/srv/.env", LARAVEL, "laravel", "smtp.gmail.com:587", "starttls", "me@example.net"),
    ("/srv/.env.local", DSN, "symfony", "smtp.gmail.com:587", "starttls", "me@example.net"),
    ("/srv/.env", NODE, "environment", "smtp.gmail.com:465", "implicit", "me"),
    (
        "/var/www/wp-config.php",
        "<?php\ndefine( 'WPMS_ON', true );\ndefine( 'WPMS_SMTP_HOST', 'smtp.x.com' );\ndefine( 'WPMS_SMTP_PORT', 587 );\n"
        "define( 'WPMS_SSL', 'tls' );\ndefine( 'WPMS_SMTP_USER', 'u' );\ndefine( 'WPMS_SMTP_PASS', 'geheim-77xx' );\n",
        *("wordpress", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/mail.js",
        "const t = nodemailer.createTransport({\n  host: 'smtp.x.com',\n  port: 587,\n  secure: false,\n"
        "  auth: { user: 'u', pass: 'geheim-77xx' },\n});\n",
        *("nodemailer", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/home/mastodon/live/.env.production",
        "SMTP_SERVER=smtp.x.com\nSMTP_PORT=587\nSMTP_LOGIN=u\nSMTP_PASSWORD='geheim-77xx'\nSMTP_AUTH_METHOD=plain\nSMTP_ENABLE_STARTTLS=always\n",
        *("mastodon", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/discourse/containers/app.yml",
        "env:\n  DISCOURSE_SMTP_ADDRESS: smtp.x.com\n  DISCOURSE_SMTP_PORT: 587\n  DISCOURSE_SMTP_USER_NAME: u\n  DISCOURSE_SMTP_PASSWORD: geheim-77xx # x\n",
        *("discourse", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/gitlab/gitlab.rb",
        "gitlab_rails['smtp_enable'] = true\ngitlab_rails['smtp_address'] = \"smtp.x.com\"\ngitlab_rails['smtp_port'] = 587\n"
        "gitlab_rails['smtp_user_name'] = \"u\"\ngitlab_rails['smtp_password'] = \"geheim-77xx\"\n# gitlab_rails['smtp_tls'] = true\n",
        *("gitlab", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/var/www/nextcloud/config/config.php",
        "<?php\n$CONFIG = array (\n  'mail_smtpmode' => 'smtp',\n  'mail_smtphost' => 'smtp.x.com',\n  'mail_smtpport' => '587',\n"
        "  'mail_smtpsecure' => 'tls',\n  'mail_smtpauth' => 1,\n  'mail_smtpname' => 'u',\n  'mail_smtppassword' => 'geheim-77xx',\n);\n",
        *("nextcloud", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/realm.json",
        '{"realm":"x","smtpServer":{"host":"smtp.x.com","port":"587","from":"k@x.com","auth":"true","starttls":"true","user":"u","password":"**********"}}',
        *("keycloak", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/grafana/grafana.ini",
        "[smtp]\nenabled = true\nhost = smtp.x.com:587\nuser = u\npassword = geheim-77xx\n;skip_verify = false\n",
        *("grafana", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/gitea/app.ini",
        "[mailer]\nENABLED = true\nPROTOCOL = smtps\nSMTP_ADDR = smtp.x.com\nSMTP_PORT = 465\nFROM = a@x.com\nUSER = u\nPASSWD = `geheim-77xx`\n",
        *("gitea", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/opt/mattermost/config/config.json",
        '{"EmailSettings": {"FeedbackEmail":"a@x.com","SMTPServer":"smtp.x.com","SMTPPort":"587","EnableSMTPAuth":true,"SMTPUsername":"u",'
        '"SMTPPassword":"geheim-77xx","ConnectionSecurity":"STARTTLS"}}',
        *("mattermost", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/www/ghost/config.production.json",
        '{"mail":{"transport":"SMTP","options":{"host":"smtp.x.com","port":587,"secure":false,"auth":{"user":"u","pass":"geheim-77xx"}}}}',
        *("ghost", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/odoo/odoo.conf",
        "[options]\nsmtp_server = smtp.x.com\nsmtp_port = 587\nsmtp_ssl = True\nsmtp_user = u\nsmtp_password = geheim-77xx\n",
        *("odoo", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/var/lib/jenkins/hudson.tasks.Mailer.xml",
        "<?xml version='1.1'?>\n<hudson.tasks.Mailer_-DescriptorImpl>\n<smtpHost>smtp.x.com</smtpHost>\n<useTls>true</useTls>\n"
        "<smtpPort>587</smtpPort>\n<authentication><username>u</username><password>{AQAAABAAAAAQ}</password></authentication>\n</hudson.tasks.Mailer_-DescriptorImpl>\n",
        *("jenkins", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/alertmanager/alertmanager.yml",
        "global:\n  smtp_smarthost: 'smtp.x.com:587'\n  smtp_from: a@b.c\n  smtp_auth_username: u\n  smtp_auth_password: geheim-77xx\n",
        *("alertmanager", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/appsettings.json",
        '{"Smtp":{"Host":"smtp.x.com","Port":587,"EnableSsl":true,"Username":"u","Password":"geheim-77xx"}}',
        *("dotnet", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/docker-compose.yml",
        "services:\n  web:\n    image: x\n    environment:\n      - SMTP_HOST=smtp.x.com\n      - SMTP_PORT=587\n"
        "      - SMTP_USER=u\n      - SMTP_PASSWORD=geheim-77xx\n",
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/secret.yaml",
        "kind: Secret\ndata:\n  SMTP_HOST: c210cC54LmNvbQ==\n  SMTP_PORT: NTg3\n  SMTP_USER: dQ==\n  SMTP_PASSWORD: Z2VoZWltLTc3eHg=\n",
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/systemd/system/app.service",
        '[Service]\nEnvironment="SMTP_HOST=smtp.x.com" SMTP_PORT=587 SMTP_USER=u\nEnvironment=SMTP_PASSWORD=geheim-77xx\n',
        *("environment", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/etc/msmtprc",
        "defaults\nauth on\ntls on\naccount other\nhost smtp.y.com\naccount a\nhost smtp.x.com\nport 587\nfrom a@b.c\nuser u\n"
        "password geheim-77xx\naccount default : a\n",
        *("msmtp", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/nullmailer/remotes",
        "smtp.x.com smtp --port=587 --starttls --user=u --pass=geheim-77xx\n",
        *("nullmailer", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/ssmtp/ssmtp.conf",
        "root=a@b.c\nmailhub=smtp.x.com:587\nUseSTARTTLS=YES\nAuthUser=u\nAuthPass=geheim-77xx\n",
        *("ssmtp", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/etc/exim4/update-exim4.conf.conf",
        "dc_eximconfig_configtype='smarthost'\ndc_smarthost='smtp.x.com::587'\n",
        *("exim", "smtp.x.com:587", "starttls", ""),
    ),
    (
        "/var/www/contact.php",
        "<?php\n$mail = new PHPMailer(true);\n$mail->isSMTP();\n$mail->Host = 'smtp.x.com';\n$mail->SMTPAuth = true;\n$mail->Username = 'u';\n"
        "$mail->Password = 'geheim-77xx';\n$mail->SMTPSecure = PHPMailer::ENCRYPTION_SMTPS;\n$mail->Port = 465;\n",
        *("phpmailer", "smtp.x.com:465", "implicit", "u"),
    ),
    (
        "/var/www/moodle/config.php",
        "<?php\n$CFG->smtphosts = 'smtp.x.com:587';\n$CFG->smtpsecure = 'tls';\n$CFG->smtpuser='u';\n$CFG->smtppass='geheim-77xx';\n",
        *("moodle", "smtp.x.com:587", "starttls-required", "u"),
    ),
    (
        "/srv/tool/config.toml",
        '[smtp]\nhost = "smtp.x.com"\nport = 587\nusername = "u"\npassword = "geheim-77xx"\n',
        *("general", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/gitlab/docker-compose.yml",
        "services:\n  gitlab:\n    image: gitlab/gitlab-ce\n    environment:\n      GITLAB_OMNIBUS_CONFIG: |\n        gitlab_rails['smtp_enable'] = true\n"
        "        gitlab_rails['smtp_address'] = 'smtp.x.com'\n        gitlab_rails['smtp_port'] = 587\n        gitlab_rails['smtp_user_name'] = 'u'\n"
        "        gitlab_rails['smtp_password'] = 'geheim-77xx'\n",
        *("gitlab", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/redmine/configuration.yml",
        "production:\n  email_delivery:\n    delivery_method: :smtp\n    smtp_settings:\n      address: smtp.x.com\n      port: 587\n"
        "      user_name: u\n      password: geheim-77xx\n",
        *("rails", "smtp.x.com:587", "starttls", "u"),
    ),
    (
        "/srv/site/web.config",
        '<?xml version="1.0"?>\n<configuration><system.net><mailSettings><smtp from="a@b.c">\n<network host="smtp.x.com" port="587" userName="u" '
        'password="geheim-77xx" enableSsl="true" /></smtp></mailSettings></system.net></configuration>\n',
        *("dotnet", "smtp.x.com:587", "starttls-required", "u"),
    ),
    ("/srv/mail.url", "smtp://u:geheim-77xx@smtp.x.com:587\n", *("url", "smtp.x.com:587", "starttls", "u")),
    ("/etc/dma/dma.conf", "SMARTHOST smtp.x.com\nPORT 587\nSECURETRANSFER\nSTARTTLS\n", *("dma", "smtp.x.com:587", "starttls-required", "")),
    # Without PROTOCOL TLS begins at once on ports that are neither 25 nor 587.
    (
        "/srv/gitea/app.ini",
        "[mailer]\nENABLED = true\nSMTP_ADDR = smtp.x.com\nSMTP_PORT = 10465\nFROM = u@x.com\nUSER = u@x.com\nPASSWD = `geheim-77xx`\n",
        *("gitea", "smtp.x.com:10465", "implicit", "u@x.com"),
    ),
)  # fmt: skip

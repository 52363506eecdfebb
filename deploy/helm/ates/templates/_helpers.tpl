{{- define "ates.topology" -}}
{{ .Files.Get "files/topology.yaml" }}
{{- end }}

{{- define "ates.selector" -}}
app.kubernetes.io/name: ates
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "ates.labels" -}}
{{ include "ates.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "ates.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* Of every pod: nobody in particular, nothing mounted that was not asked for. */ -}}
{{- define "ates.pod" -}}
serviceAccountName: {{ .root.Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ates.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "ates.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}

{{- /* The variables that every process and step shares. */ -}}
{{- define "ates.sharedEnv" -}}
- {name: ATES_HOST, value: 0.0.0.0}
- {name: ATES_PORT, value: "8000"}
- {name: ATES_LOG, value: json}
- {name: ATES_LOG_LEVEL, value: {{ .Values.logLevel }}}
- {name: ATES_KAFKA, value: {{ .Values.kafka.bootstrap | quote }}}
- {name: ATES_KAFKA_SECURITY, value: {{ .Values.kafka.security }}}
- {name: ATES_KAFKA_SASL_MECHANISM, value: {{ .Values.kafka.mechanism }}}
- {name: ATES_KAFKA_REPLICATION, value: {{ .Values.kafka.replication | quote }}}
{{- if .Values.kafka.caSecret }}
- {name: ATES_KAFKA_CA, value: /etc/ates/kafka/ca.crt}
{{- end }}
- {name: ATES_REGISTRY, value: {{ .Values.registry.url | quote }}}
{{- if .Values.registry.secret }}
{{ include "ates.secretEnv" (dict "name" "ATES_REGISTRY_USERNAME" "secret" .Values.registry.secret "key" "username") }}
{{ include "ates.secretEnv" (dict "name" "ATES_REGISTRY_PASSWORD" "secret" .Values.registry.secret "key" "password") }}
{{- end }}
- {name: ATES_SMTP, value: {{ .Values.smtp.address | quote }}}
- {name: ATES_GATEWAY, value: {{ .Values.origin | quote }}}
- {name: ATES_PROXIES, value: {{ .Values.proxies | quote }}}
- {name: ATES_JWKS, value: "http://{{ .Release.Name }}-web-auth:8000/auth/.well-known/jwks.json"}
- {name: ATES_TIMEZONE, value: {{ .Values.timezone }}}
- {name: ATES_PARTITIONS, value: {{ .Values.partitions | quote }}}
{{- end }}

{{- /* A user of Kafka: its password is in Strimzi's secret of that user, or in the one secret of all. */ -}}
{{- define "ates.kafkaUserEnv" -}}
- {name: ATES_KAFKA_USERNAME, value: {{ .user }}}
{{- if .root.Values.strimzi.enabled }}
{{ include "ates.secretEnv" (dict "name" "ATES_KAFKA_PASSWORD" "secret" .user "key" "password") }}
{{- else }}
{{ include "ates.secretEnv" (dict "name" "ATES_KAFKA_PASSWORD" "secret" .root.Values.kafka.passwordsSecret "key" .user) }}
{{- end }}
{{- end }}

{{- /* A role of Postgres, in the variable `name`; Kubernetes puts its password into the URL. */ -}}
{{- define "ates.postgresEnv" -}}
{{ include "ates.secretEnv" (dict "name" .password "secret" .root.Values.postgres.passwordsSecret "key" .key) }}
{{- with .root.Values.postgres }}
- name: {{ $.name }}
  value: postgresql://{{ $.user }}:$({{ $.password }})@{{ .host }}:{{ .port }}/{{ .database }}?sslmode={{ .sslmode }}
{{- end }}
{{- end }}

{{- define "ates.mounts" -}}
- {name: scratch, mountPath: /tmp}
- {name: data, mountPath: /var/lib/ates}
{{- if .Values.kafka.caSecret }}
- {name: kafka-ca, mountPath: /etc/ates/kafka, readOnly: true}
{{- end }}
{{- end }}

{{- define "ates.volumes" -}}
- {name: scratch, emptyDir: {}}
- {name: data, emptyDir: {}}
{{- if .Values.kafka.caSecret }}
- {name: kafka-ca, secret: {secretName: {{ .Values.kafka.caSecret }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- end }}

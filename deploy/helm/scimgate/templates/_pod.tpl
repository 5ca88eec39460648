{{/* What the gateway's pods and the migration's have in common. */}}

{{- define "scimgate.pod" -}}
automountServiceAccountToken: false
{{- /* Kubernetes would set SCIMGATE_PORT and SCIMGATE_INTERNAL_PORT to a Service's address, and they are settings. */}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.database.certificates.existingConfigMap .Values.extraVolumes }}
volumes:
  {{- with .Values.database.certificates.existingConfigMap }}
  - name: database-certificates
    configMap:
      name: {{ . }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "scimgate.container" -}}
image: {{ include "scimgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.database.certificates.existingConfigMap .Values.extraVolumeMounts }}
volumeMounts:
  {{- if .Values.database.certificates.existingConfigMap }}
  - name: database-certificates
    mountPath: /etc/scimgate/certificates
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "scimgate.environment" -}}
- name: SCIMGATE_LOG
  value: {{ .Values.log.filter | quote }}
- name: SCIMGATE_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- if .Values.database.certificates.existingConfigMap }}
- name: SCIMGATE_DATABASE_CA_FILE
  value: {{ printf "/etc/scimgate/certificates/%s" .Values.database.certificates.key | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the gateway needs to reach its database and to read what it has encrypted there. */}}
{{- define "scimgate.database" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- if .Values.rootKey.existingSecret }}
- name: SCIMGATE_ROOT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.rootKey.existingSecret }}
      key: {{ .Values.rootKey.key }}
{{- if .Values.rootKey.previousKey }}
- name: SCIMGATE_PREVIOUS_ROOT_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.rootKey.existingSecret }}
      key: {{ .Values.rootKey.previousKey }}
{{- end }}
{{- end }}
{{- if eq .Values.database.pooler "transaction" }}
{{- if .Values.migration.enabled }}
{{- $direct := printf "%s/%s" .Values.migration.existingSecret .Values.migration.key }}
{{- if or (not .Values.migration.existingSecret) (eq $direct (printf "%s/%s" .Values.database.existingSecret .Values.database.key)) }}
{{- fail "database.pooler is transaction, and migrations need the server itself: name the Secret with its address in migration.existingSecret" }}
{{- end }}
{{- end }}
- name: SCIMGATE_POOLER
  value: transaction
{{- end }}
{{- end }}

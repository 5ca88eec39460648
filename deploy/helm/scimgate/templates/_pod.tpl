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
- name: SSL_CERT_FILE
  value: {{ printf "/etc/scimgate/certificates/%s" .Values.database.certificates.key | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
